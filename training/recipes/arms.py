"""What labels buy, on the project's own: held-out accuracy by number of labels, an arm each, and how the two differ.

Both arms are measured on the same held-out verdicts, and so their difference depends less on these than either does. It
depends on which labels happened to come, too: others would have taught another head. Intervals of differences hold
both, those of the curves' points the held-out prompts alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.recipes.intervals import Floats, evaluation, mean_interval, resampled_sums
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import agrees, passive
from training.recipes.vote_rows import ACTIVE_POLICY, CHANCE
from training.recipes.votes import OVERALL, Votes

LEAST_LABELS = 16
# An arm's head is fitted so often to other labels, so many at most, to see how far that moves its accuracy.
REFITS, REFIT_LABELS = 6, 256
ARMS = {"random": CHANCE, "active": ACTIVE_POLICY}
# By number of labels an arm's accuracy, shape (1 + draws,): first the value, then that of each resample of prompts.
Curve = Mapping[int, Floats]


def measure_arms(
    fit: Callable[[Votes], RewardModel], whole: RewardModel | None, train: Votes, held_out: Votes
) -> dict[str, Any]:
    """For result.json: `learning_curve`, an arm of too few labels having none, and `label_gains` (see `tell_gains`).

    What a person chose (users' feedback, a manager, a correction), or the reward model by contradicting, is in neither.
    Each arm's labels in a fixed random order, doubled until they end; measured on held-out verdicts that no model
    chose. Both arms learn in the same way from as many labels, so that what differs is which ones they are.

    Args:
        whole: fitted to all of `train`; where an arm holds all pairs, it ends in this. None: in another `fit`.
    """
    pairs = train.only_pairs().on_axis(OVERALL)
    decided = passive(held_out.on_axis(OVERALL)).decided()
    prompts = decided.prompt_ids_P.tolist()
    right: dict[tuple[str, int], Floats] = {}
    for arm, labels, rows in _parts(pairs) if len(decided) else ():
        part = pairs.keep(np.sort(rows[:labels]))
        if len(part.decided()):
            model = whole if whole and labels == len(pairs) else fit(part)
            right[arm, labels] = agrees(model, decided)
    rows_of_curve = []
    for (arm, labels), right_P in right.items():
        found = evaluation("", float(right_P.mean()), mean_interval(right_P, prompts), len(right_P))
        point = {"accuracy": found["value"], "low": found["low"], "high": found["high"]}
        rows_of_curve.append({"arm": arm, "labels": labels} | point)
    curves: dict[str, dict[int, Floats]] = {arm: {} for arm in ARMS}
    if right:
        drawn_B_M = resampled_sums(np.column_stack([*right.values(), np.ones(len(decided))]), prompts)
        ends = {arm: max(labels for name, labels in right if name == arm) for arm, _ in right}
        size = min(*ends.values(), REFIT_LABELS)
        chance = np.random.default_rng(1)
        moved = {
            arm: label_spread(fit, _arm(pairs, arm), decided, size) * chance.normal(size=len(drawn_B_M)) for arm in ends
        }
        for column, ((arm, labels), right_P) in enumerate(right.items()):
            drawn_B = drawn_B_M[:, column] / drawn_B_M[:, -1] + moved[arm] * (size / labels) ** 0.5
            curves[arm][labels] = np.append(right_P.mean(), drawn_B)
    return {"learning_curve": rows_of_curve, "label_gains": tell_gains(curves)}


def _parts(pairs: Votes) -> list[tuple[str, int, np.ndarray]]:
    """Arm, number of labels, and the arm's rows in their order; where both end, the other is looked at too."""
    chance = np.random.default_rng(0)
    rows_of = {arm: chance.permutation(np.flatnonzero(_is_of(pairs, arm))) for arm in ARMS}
    rows_of = {arm: rows for arm, rows in rows_of.items() if len(rows) >= LEAST_LABELS}
    ends = {len(rows) for rows in rows_of.values()}
    return [
        (arm, labels, rows)
        for arm, rows in rows_of.items()
        for labels in sorted({size for size in ends | _doubled(max(ends)) if size <= len(rows)})
    ]


def _is_of(pairs: Votes, arm: str) -> np.ndarray:
    return np.array(pairs.chosen_by_P, dtype=object) == ARMS[arm]


def _arm(pairs: Votes, arm: str) -> Votes:
    return pairs.keep(_is_of(pairs, arm).astype(bool))


def label_spread(fit: Callable[[Votes], RewardModel], arm: Votes, decided: Votes, size: int) -> float:
    """Standard deviation of the accuracy of heads that are fitted to `size` votes on prompts of the arm, drawn anew.

    0 where it cannot be told.
    """
    chance = np.random.default_rng(2)
    prompts, place_P = np.unique(arm.prompt_ids_P, return_inverse=True)
    rows_of = np.split(np.argsort(place_P, kind="stable"), np.cumsum(np.bincount(place_P))[:-1])
    found = []
    for _ in range(REFITS):
        drawn = chance.integers(len(prompts), size=size)  # a prompt has one vote at least
        part = arm.keep(np.concatenate([rows_of[place] for place in drawn])[:size])
        if len(part.decided()):
            found.append(float(agrees(fit(part), decided).mean()))
    return float(np.std(found, ddof=1)) if len(found) > 1 else 0.0


def _doubled(most: int) -> set[int]:
    return {LEAST_LABELS << times for times in range(most.bit_length()) if LEAST_LABELS << times <= most}


def tell_gains(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Each {"value", "low", "high"} with 95 % intervals, and what it is of; None where there is nothing to tell.

    `gained`: an arm each, how much more accurate it is at its end than at its beginning.
    `difference`: the active arm's accuracy minus the random one's at the largest number of labels that both have.
    `saving`: so many labels drawn at random do what one chosen does.
    """
    random, active = (curves[arm] for arm in ARMS)
    gained = [
        {"arm": arm, "from": min(curve), "to": max(curve)} | _told(curve[max(curve)] - curve[min(curve)])
        for arm, curve in curves.items()
        if len(curve) > 1
    ]
    both = random.keys() & active.keys()
    if not both:
        return {"gained": gained, "difference": None, "saving": None}
    labels = max(both)
    difference = {"labels": labels} | _told(active[labels] - random[labels])
    return {"gained": gained, "difference": difference, "saving": _saving(random, active, labels)}


def _saving(random: Curve, active: Curve, labels: int) -> dict[str, Any] | None:
    """With how many labels the better arm does what the other does with `labels`, as {"labels", "needed"} and a ratio.

    The ratio is above 1 where choosing saves labels. A bound is None where the better arm's curve does not reach so
    far, and all is None where it begins above what is looked for.
    """
    choosing_helps = bool(active[labels][0] >= random[labels][0])
    better, level_D = (active, random[labels]) if choosing_helps else (random, active[labels])
    sizes = np.array(sorted(better), dtype=np.float64)
    # A fall of the curve is noise, and taken as flat; of a flat piece the fewest labels count.
    curve_M_D = np.maximum.accumulate([better[int(size)] for size in sizes]) + 1e-9 * np.arange(len(sizes))[:, None]
    if len(sizes) < 2 or level_D[0] <= curve_M_D[0, 0]:
        return None
    columns = zip(level_D, curve_M_D.T, strict=True)
    needed_D = 2 ** np.array([np.interp(level, curve_M, np.log2(sizes)) for level, curve_M in columns])
    ratio_D = labels / needed_D if choosing_helps else needed_D / labels
    ends = sorted(float(labels / size if choosing_helps else size / labels) for size in (sizes[0], sizes[-1]))
    told = _told(ratio_D)
    bounds = {
        "low": told["low"] if told["low"] > ends[0] * (1 + 1e-6) else None,
        "high": told["high"] if told["high"] < ends[1] * (1 - 1e-6) else None,
    }
    fewer = "active" if choosing_helps else "random"
    return {"labels": labels, "arm": fewer, "needed": float(needed_D[0]), "value": told["value"]} | bounds


def _told(value_D: Floats) -> dict[str, float]:
    value, (low, high) = float(value_D[0]), np.quantile(value_D[1:], [0.025, 0.975])
    return {"value": value, "low": float(min(low, value)), "high": float(max(high, value))}
