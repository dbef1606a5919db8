"""Another vote on the same pair, or a new pair?

    python -m benchmarks.second_votes [--seeds 20] [--base DIRECTORY]

Spends one budget of raw votes of UKPConvArg1 in several ways and measures the head on the gold of unseen topics:
new random pairs only, two votes a pair, five votes a pair, the most informative of new pairs only, and the rule of
benchmarks/vote_again.py, which weighs another vote against a new pair. Prints paired differences to "new
pairs" and, last, one JSON line.
"""

import argparse
import json
import sys

import numpy as np

from benchmarks.label_efficiency import HELD_OUT, Task
from benchmarks.label_sources import hidden_states, load_source, split
from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, work_directory
from benchmarks.vote_again import fit_item_variance, spend
from training.recipes.reward_head import fit_head
from training.recipes.selection import Belief
from training.recipes.selection_rules import State

BUDGETS = (60, 120, 240, 480)  # raw votes
SPARSE_POOL = 40  # pairs: what is left to buy where there are hardly any new items
PLANS = ("new pairs", "two a pair", "five a pair", "most informative", "rule", "40 pairs, random", "40 pairs, rule")


def learn(task: Task, train: np.ndarray, test: np.ndarray, seed: int, plan: str) -> dict[int, tuple[float, float]]:
    """Accuracy, and votes a pair, after each budget."""
    chance = np.random.default_rng([seed, 3])
    all_votes = [chance.permutation(votes) for votes in task.source.votes_N]
    pool = chance.permutation([row for row in train if len(all_votes[row]) >= 5])
    if plan.startswith("40"):
        pool = pool[:SPARSE_POOL]
    each = {"two a pair": 2, "five a pair": 5}.get(plan, 1)
    votes = np.zeros(len(all_votes))
    belief: Belief | None = None
    item_variance = 0.0
    found = {}
    for budget in BUDGETS:
        batch = int(budget - votes.sum())
        if plan in ("rule", "most informative", "40 pairs, rule") and belief is not None:
            judged = pool[votes[pool] > 0]
            fresh = chance.permutation(pool[votes[pool] == 0])[: 4 * batch]
            rows = np.concatenate([judged, fresh])
            state = State.start(task.differences_N_K[rows], belief.weights_K, belief.covariance_K_K)
            most = np.full(len(rows), 1 if plan == "most informative" else 5)
            most[: len(judged)] = np.maximum(most[: len(judged)], votes[judged])
            for row in spend(state, votes[rows], most, item_variance, batch):
                votes[rows[row]] += 1
        else:
            for row in pool:
                votes[row] += max(0, min(each - votes[row], budget - votes.sum()))
            # Where pairs have run out: once more through them.
            while votes.sum() < budget and (votes[pool] < 5).any():
                for row in pool[votes[pool] == votes[pool].min()]:
                    votes[row] += votes.sum() < budget
        rows = np.flatnonzero(votes)
        wins = np.array([all_votes[row][: int(votes[row])].mean() for row in rows])
        head = fit_head(task.differences_N_K[rows], wins, votes[rows], task.groups_K)
        belief = Belief(head.weights, head.covariance, np.array(head.precisions)[task.groups_K], task.groups_K)
        # The head has seen these items: their margins look surer than they are, and the deviation smaller.
        item_variance = fit_item_variance(task.differences_N_K[rows] @ head.weights, wins * votes[rows], votes[rows])
        found[budget] = (task.accuracy(belief, test), float(votes[rows].mean()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What a second vote on the same pair buys")
    parser.add_argument("--seeds", type=int, default=20)
    add_base_argument(parser)
    arguments = parser.parse_args()
    source = load_source("ukpconvarg1", data_directory())
    task = Task(source, hidden_states(source, prepared_base(arguments.base), work_directory() / "features"))
    runs: dict[str, list[dict[int, tuple[float, float]]]] = {plan: [] for plan in PLANS}
    for seed in range(arguments.seeds):
        train, test = split(source, np.random.default_rng([seed, 1]), held_out=HELD_OUT)
        for plan in PLANS:
            runs[plan].append(learn(task, train, test, seed, plan))
        print(f"seed {seed}", file=sys.stderr, flush=True)
    found: dict[str, dict[str, list[float]]] = {}
    for plan in PLANS:
        beside = "40 pairs, random" if plan.startswith("40") else "new pairs"
        for budget in BUDGETS:
            accuracy = np.array([run[budget][0] for run in runs[plan]])
            difference = 100 * (accuracy - np.array([run[budget][0] for run in runs[beside]]))
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            a_pair = float(np.mean([run[budget][1] for run in runs[plan]]))
            found.setdefault(plan, {})[str(budget)] = [
                round(float(value), 2) for value in (100 * accuracy.mean(), difference.mean(), error, a_pair)
            ]
    columns = ["accuracy", "difference", "standard_error", "votes_a_pair"]
    print(json.dumps({"benchmark": "second_votes", "seeds": arguments.seeds, "columns": columns, "plans": found}))


if __name__ == "__main__":
    main()
