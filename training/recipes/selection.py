# ruff: noqa: N815 - shapes stand in the names
"""The order in which open comparisons are judged, after the head was refitted.

Every item is in one of two arms, once and for ever, by a hash of its id: moving items when something was learnt would
make the random arm a chosen one.

- The random arm, 10 to 20 % of the items, is judged in an order that is random too. What it says of accuracy,
  agreement and calibration holds for all items, and against it the active arm's saving is measured.
- The active arm starts with a batch that one of `POLICIES` chose; the rest follows at random, behind it.

Both arms are mixed evenly along the queue, so that any first so many items hold the random arm's share. Before the
first head there is nothing to choose by, and all are random.

"soft4" chooses among four times as many candidates as it takes, drawn at random: what knows nothing of the pairs that
will be served finds the odd ones when it may choose among all. "v_optimal" saved most labels
(benchmarks/label_efficiency.py): 1.7 times, as much with the open items in place of the served ones, and 1.1 times
without the prior that gives up no group of features.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.recipes.intervals import Floats
from training.recipes.run import RecipeError
from training.recipes.selection_rules import Gain, Near, State, bald, d_optimal, greedy, uncertainty, v_optimal

RANDOM, DEFAULT = "random", "soft4"
RANDOM_SHARE = 0.15


@dataclass(frozen=True)
class Policy:
    gain: Gain
    times: int | None = None  # chooses among so many times the batch, drawn at random; None: among all
    open_minded: bool = False  # does not trust the evidence that a group of features is of no use
    for_served: bool = False  # chooses for what will be served


# By the name of the policy's file in labeling/selection, which says the same to people.
POLICIES = {
    "soft4": Policy(d_optimal, 4),
    "d_optimal": Policy(d_optimal),
    "bald": Policy(bald),
    "uncertainty": Policy(uncertainty),
    "v_optimal": Policy(v_optimal, open_minded=True, for_served=True),
}


@dataclass(frozen=True)
class Belief:
    """What a fitted head knows."""

    weights_K: Floats
    covariance_K_K: Floats
    precision_K: Floats | None = None  # of its prior: part of what the covariance is the inverse of
    groups_K: np.ndarray | None = None  # the prior's groups, 0, 1, ...

    def open_minded(self, differences_N_K: Floats) -> Floats:
        """The covariance, shape (K, K), under a prior by which each group moves a margin by a variance of 1 or more.

        From a few dozen labels the evidence often says that a group does not matter. A choice that believes it buys
        nothing that could show the contrary. Of a head whose prior is not known it is the head's own.
        """
        if self.precision_K is None or self.groups_K is None:
            return self.covariance_K_K
        wide_K = self.precision_K.copy()
        for group in np.unique(self.groups_K):
            own = self.groups_K == group
            wide_K[own] = np.minimum(wide_K[own], (differences_N_K[:, own] ** 2).sum(1).mean())
        precision_K_K = np.linalg.inv(self.covariance_K_K) + np.diag(wide_K - self.precision_K)
        return np.asarray(np.linalg.inv(precision_K_K), dtype=np.float64)


@dataclass(frozen=True)
class Order:
    """Where each candidate stands, in the order in which they were given."""

    priority_N: Floats  # in (0, 1), higher first, no two alike
    policy_N: list[str]  # that of the arm; "random" for all before the first head
    # With what probability the draws that lead to this place come out so: into the arm, and among the candidates.
    # The choice among these is no draw: do not weight actively chosen labels by it, estimate from the random arm.
    propensity_N: Floats
    score_N: Floats  # the gain when it was chosen; nan for those that were not

    @property
    def rows(self) -> np.ndarray:
        """Candidates, first to be judged first."""
        return np.argsort(-self.priority_N)

    def lines(self, item_ids: Sequence[int | str]) -> Iterator[dict[str, Any]]:
        """One object an item, as the file of priorities holds them."""
        columns = zip(item_ids, self.priority_N, self.policy_N, self.propensity_N, self.score_N, strict=True)
        for item_id, priority, policy, propensity, score in columns:
            yield {
                "item_id": item_id,
                "priority": float(priority),
                "policy": policy,
                "propensity": float(propensity),
                "score": None if np.isnan(score) else float(score),
            }


def choose(
    policy: str,
    differences_N_K: Floats,
    belief: Belief | None,
    *,
    item_ids: Sequence[int | str],
    prompt_ids: Sequence[int | str],
    batch: int,
    seed: int,
    served_M_K: Floats | None = None,
    random_share: float = RANDOM_SHARE,
    arm_seed: int = 0,
) -> Order:
    """Put the open items in order.

    Args:
        policy: a name in POLICIES, or "random".
        differences_N_K: features of an item's first answer minus those of its second, as the head sees them.
        belief: None before the first head.
        batch: how many labels are expected before the next refit.
        seed: of this refit: draws the candidates and the order behind the batch.
        served_M_K: for v_optimal: differences as they will be served, or answers around their mean; the candidates
            themselves when absent.
        arm_seed: of the project. It must never change: it says which items are in the random arm.

    Raises:
        RecipeError: no such policy, arrays that do not belong together, or a share or batch out of its range.
    """
    count = len(differences_N_K)
    if policy != RANDOM and policy not in POLICIES:
        raise RecipeError(f"There is no selection policy {policy!r}; it is one of {', '.join([RANDOM, *POLICIES])}.")
    if not len(item_ids) == len(prompt_ids) == count:
        raise RecipeError("Each candidate needs its features, its item's id and its prompt's id.")
    if not 0.1 <= random_share <= 0.2:
        raise RecipeError(f"The random arm is 10 to 20 % of the items, not {random_share:.0%}.")
    if batch < 1:
        raise RecipeError("A batch holds at least one item.")
    if not np.isfinite(differences_N_K).all():
        raise RecipeError("A candidate's features are not finite numbers; read its answers again.")
    if policy == RANDOM or belief is None:
        place_N = np.array([_uniform(arm_seed, "order", item) for item in item_ids])
        return Order(_spread(place_N), [RANDOM] * count, np.ones(count), np.full(count, np.nan))

    is_random_N = np.array([in_random_arm(item, arm_seed, random_share) for item in item_ids], dtype=bool)
    chance = np.random.default_rng(seed)
    active = chance.permutation(np.flatnonzero(~is_random_N))
    chosen, score_N, drawn = take_batch(
        POLICIES[policy], differences_N_K, belief, prompt_ids, active, batch, served_M_K
    )
    behind = active[~np.isin(active, chosen)]

    place_N = np.zeros(count)  # the lower, the sooner
    place_N[np.concatenate([chosen, behind]).astype(int)] = _evenly(len(active))
    own = np.flatnonzero(is_random_N)
    order = np.argsort([_uniform(arm_seed, "order", item_ids[int(row)]) for row in own])
    place_N[own[order]] = _evenly(len(own))
    propensity_N = np.where(is_random_N, random_share, 1 - random_share)
    propensity_N[chosen] *= drawn
    return Order(_spread(place_N), [RANDOM if r else policy for r in is_random_N], propensity_N, score_N)


def knows_what_is_served(policy: str) -> bool:
    return policy in POLICIES and POLICIES[policy].for_served


def in_random_arm(item_id: int | str, arm_seed: int, random_share: float = RANDOM_SHARE) -> bool:
    """Decided by the item's id alone. A larger share adds items to the arm and moves none out of it."""
    return _uniform(arm_seed, "arm", item_id) < random_share


def take_batch(
    policy: Policy,
    differences_N_K: Floats,
    belief: Belief,
    prompt_ids: Sequence[int | str] | np.ndarray,
    active: np.ndarray,
    batch: int,
    served_M_K: Floats | None,
) -> tuple[np.ndarray, Floats, float]:
    """The rows of `active`, in random order, that one batch takes, best first.

    Returns:
        Rows, every candidate's gain when it was chosen (nan for others), and the probability of being looked at.
    """
    candidates = active if policy.times is None else active[: policy.times * batch]
    covariance_K_K = belief.covariance_K_K
    if policy.open_minded and len(active):
        covariance_K_K = belief.open_minded(differences_N_K[active])
    state = State.start(
        differences_N_K[candidates],
        belief.weights_K,
        covariance_K_K,
        differences_N_K if served_M_K is None else served_M_K,
    )
    near = Near(state.differences_N_K, np.array([str(prompt_ids[row]) for row in candidates]), batch)
    rows, gains = greedy(state, policy.gain, near, min(batch, len(candidates)))
    score_N = np.full(len(differences_N_K), np.nan)
    chosen = candidates[np.array(rows, dtype=int)]
    score_N[chosen] = gains
    return chosen, score_N, len(candidates) / max(1, len(active))


def _uniform(seed: int, what: str, item_id: int | str) -> float:
    """In [0, 1), the same for ever."""
    digest = hashlib.sha256(f"{seed}\0{what}\0{item_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _evenly(count: int) -> Floats:
    return (np.arange(count) + 0.5) / max(1, count)


def _spread(place_N: Floats) -> Floats:
    """Priorities with the same order in even steps; of equal places the earlier row comes first."""
    priority_N = np.zeros(len(place_N))
    priority_N[np.argsort(place_N, kind="stable")] = 1 - _evenly(len(place_N))
    return priority_N
