"""How many labels do our defaults save?

    python -m benchmarks.label_efficiency [--seeds 40] [--policies soft4,v_optimal] [--sources ...] [--base DIRECTORY]

1. Selection: each policy against random order with the same head, over paired seeds (the same split, the same first
   32 random labels, the same verdict on a pair whoever asks for it). A saving of 1.5 at 256 labels says that random
   order needs 384 for the accuracy which the policy has at 256. Random order is followed to 1,024 labels; an accuracy
   beyond its curve counts as the curve's end.
2. Everything together (features, prior, head, selection with its random arm): labels needed for the held-out accuracy
   that TRL's RewardTrainer has after 1,000 random ones: the mean of the draws that benchmarks/trl_reference.py has
   left.

UKPConvArg1 learns from one noisy vote a pair and is measured on the gold of unseen topics. Policies are to be frozen
before they are run on --first-seed 0; try things on other seeds. Features and accuracies are kept in
ACCORD_DATA_DIR/benchmarks: remove label_efficiency/ there after a change of head or policies. Prints one JSON line
last.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.label_sources import SOURCES, Source, answer_features, hidden_states, load_source, split, split_once
from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, work_directory
from benchmarks.trl_reference import kept_references
from training.recipes.intervals import Floats
from training.recipes.model_directory import hash_directory
from training.recipes.reward import log_lengths
from training.recipes.reward_head import fit_head
from training.recipes.selection import POLICIES, RANDOM, RANDOM_SHARE, Belief, take_batch

REFITS = (32, 64, 128, 256)  # labels after which the head is refitted; the first batch is random
MEASURED = (128, 256)
RANDOM_CURVE = (32, 64, 128, 256, 384, 512, 768, 1024)
HELD_OUT = 0.35
POOL = 4000  # open items that a policy chooses among, drawn from the source's training pairs
DRAWS = 2000


class Task:
    """One source with its features: what a run of one seed needs."""

    def __init__(self, source: Source, hidden_A_D: np.ndarray) -> None:
        phi_A_K, self.groups_K = answer_features(hidden_A_D, source)
        self.source = source
        self.differences_N_K = phi_A_K[source.first_N] - phi_A_K[source.second_N]
        lengths_A = log_lengths([text for _, text in source.answers])
        self.longer_N = np.sign(lengths_A[source.first_N] - lengths_A[source.second_N])

    def verdicts(self, seed: int) -> Floats:
        """One vote a pair, the same for every policy."""
        chance = np.random.default_rng([seed, 2])
        return np.array([votes[chance.integers(len(votes))] for votes in self.source.votes_N])

    def fit(self, rows: np.ndarray, verdicts_N: Floats) -> Belief:
        head = fit_head(self.differences_N_K[rows], verdicts_N[rows], np.ones(len(rows)), self.groups_K)
        return Belief(head.weights, head.covariance, np.array(head.precisions)[self.groups_K], self.groups_K)

    def accuracy(self, belief: Belief, test: np.ndarray) -> float:
        return _share_right(np.sign(self.differences_N_K[test] @ belief.weights_K), self.source.gold_N[test])


def learn(
    task: Task,
    train: np.ndarray,
    test: np.ndarray,
    verdicts_N: Floats,
    seed: int,
    policy: str | None,
    labels: tuple[int, ...],
    random_share: float = 0.0,
) -> dict[int, float]:
    """Accuracy after so many labels; policy None judges in random order."""
    chance = np.random.default_rng([seed, 3])
    pool = chance.permutation(train)[:POOL]
    rows, belief = np.zeros(0, dtype=int), None
    found = {}
    for count in labels:
        batch = count - len(rows)
        left = pool[~np.isin(pool, rows)]
        by_chance = batch if policy is None or belief is None else round(random_share * batch)
        rows = np.concatenate([rows, left[:by_chance]])
        if policy is not None and belief is not None:
            active = np.random.default_rng([seed, 4, count]).permutation(left[by_chance:])
            # What is served are pairs of held-out prompts: their features are known, their labels are not.
            chosen, _, _ = take_batch(
                POLICIES[policy],
                task.differences_N_K,
                belief,
                _prompts(task.source),
                active,
                batch - by_chance,
                task.differences_N_K[test],
            )
            rows = np.concatenate([rows, chosen])
        belief = task.fit(rows, verdicts_N)
        found[count] = task.accuracy(belief, test)
    return found


def run_policy(task: Task, policy: str, seeds: range) -> dict[int, list[float]]:
    """Accuracy by number of labels, one a seed."""
    accuracy: dict[int, list[float]] = {}
    started = time.monotonic()
    for seed in seeds:
        train, test = split(task.source, np.random.default_rng([seed, 1]), held_out=HELD_OUT)
        labels = RANDOM_CURVE if policy == RANDOM else REFITS
        run = learn(task, train, test, task.verdicts(seed), seed, None if policy == RANDOM else policy, labels)
        for count, value in run.items():
            accuracy.setdefault(count, []).append(value)
    print(f"{task.source.name} {policy}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return accuracy


def length_baseline(task: Task, seeds: range) -> float:
    """Mean accuracy of preferring the longer answer, or the shorter one where that is what the training votes say."""
    found = []
    for seed in seeds:
        train, test = split(task.source, np.random.default_rng([seed, 1]), held_out=HELD_OUT)
        direction = np.sign(task.longer_N[train] @ (task.verdicts(seed)[train] - 0.5)) or 1.0
        found.append(_share_right(direction * task.longer_N[test], task.source.gold_N[test]))
    return float(np.mean(found))


def kept(path: Path, make: Callable[[], dict[int, list[float]]]) -> dict[int, list[float]]:
    """What a run of before left, or a new run."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make()))
    return {int(count): values for count, values in json.loads(path.read_text()).items()}


Accuracies = dict[str, dict[str, dict[int, list[float]]]]  # by source, policy, number of labels; one a seed


def savings(results: Accuracies, policy: str, seeds: int) -> dict[str, Any]:
    """The saving by source and number of labels, with paired differences, and the geometric mean with its bound."""
    every = np.arange(seeds)
    by_source: dict[str, Any] = {}
    for name, accuracy in results.items():
        for count in MEASURED:
            difference = 100 * (np.array(accuracy[policy][count]) - np.array(accuracy[RANDOM][count]))
            by_source[f"{name} {count}"] = {
                "accuracy": round(100 * float(np.mean(accuracy[policy][count])), 2),
                "random": round(100 * float(np.mean(accuracy[RANDOM][count])), 2),
                "difference": round(float(difference.mean()), 2),
                "standard_error": round(float(difference.std(ddof=1) / np.sqrt(seeds)), 2),
                "saving": round(_saving(accuracy, policy, count, every), 2),
            }
    chance = np.random.default_rng(0)
    drawn = [
        _mean_saving(results, policy, {name: chance.integers(seeds, size=seeds) for name in results})
        for _ in range(DRAWS)
    ]
    return {
        "saving": round(_mean_saving(results, policy, dict.fromkeys(results, every)), 3),
        "low_90": round(float(np.quantile(drawn, 0.05)), 3),
        "worst_difference": min(entry["difference"] for entry in by_source.values()),
        "by_source": by_source,
    }


def _mean_saving(results: Accuracies, policy: str, rows: dict[str, np.ndarray]) -> float:
    logs = [np.log(_saving(results[name], policy, count, rows[name])) for name in results for count in MEASURED]
    return float(np.exp(np.mean(logs)))


def _saving(accuracy: dict[str, dict[int, list[float]]], policy: str, count: int, seeds: np.ndarray) -> float:
    """Labels that random order needs for the policy's mean accuracy at `count`, over `count`."""
    curve = np.maximum.accumulate([np.mean(np.array(accuracy[RANDOM][n])[seeds]) for n in RANDOM_CURVE])
    reached = np.mean(np.array(accuracy[policy][count])[seeds])
    # The random curve and the policy's share their noise only in part: a fall of the curve is taken as flat, and of
    # a flat piece the fewest labels count.
    steps = curve + np.arange(len(curve)) * 1e-9
    return float(2 ** np.interp(reached, steps, np.log2(RANDOM_CURVE)) / count)


def against_trl(task: Task, policy: str, seeds: range, target: float) -> dict[str, Any]:
    """Labels for `target` on the split that TRL was measured on, random arm included."""
    train, test, _ = split_once(task.source)
    counts = (32, 64, 96, 128, 192, 256, 384, 512)
    found: dict[int, list[float]] = {count: [] for count in counts}
    for seed in seeds:
        run = learn(task, train, test, task.verdicts(seed), seed, policy, counts, RANDOM_SHARE)
        for count, value in run.items():
            found[count].append(value)
    means = {count: float(np.mean(values)) for count, values in found.items()}
    enough = [count for count, mean in means.items() if mean >= target]
    return {
        "trl_accuracy": round(target, 4),
        "labels": enough[0] if enough else None,
        "accuracy": {count: round(mean, 4) for count, mean in means.items()},
        "seeds_over_at_250": round(float(np.mean(np.array(found[256]) >= target)), 2),
    }


def _prompts(source: Source) -> np.ndarray:
    """Topics hold thousands of pairs each: there every pair counts as a prompt of its own."""
    return np.arange(len(source)) if source.name == "ukpconvarg1" else source.prompts_N


def _share_right(sign_T: Floats, gold_T: Floats) -> float:
    return float((0.5 + 0.5 * sign_T * np.sign(gold_T - 0.5)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Labels saved by selection, and by all of the default path")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--default", default="v_optimal", help="the policy of the second part")
    add_base_argument(parser)
    arguments = parser.parse_args()
    work = work_directory()
    base = prepared_base(arguments.base)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    policies = arguments.policies.split(",")
    results: Accuracies = {}
    against, lengths = {}, {}
    for name in arguments.sources.split(","):
        source = load_source(name, data_directory())
        task = Task(source, hidden_states(source, base, work / "features"))
        directory = work / "label_efficiency" / f"{hash_directory(base)[:16]}-{len(source)}"
        results[name] = {}
        for policy in (RANDOM, *policies):
            path = directory / f"{name}-{policy}-{seeds.start}-{seeds.stop}.json"
            results[name][policy] = kept(path, partial(run_policy, task, policy, seeds))
        lengths[name] = round(100 * length_baseline(task, seeds), 2)
        if references := [result["accuracy"] for result in kept_references(name, work)]:
            target = float(np.mean(references))
            against[name] = against_trl(task, arguments.default, seeds[:10], target) | {"trl_draws": references}
    found = {policy: savings(results, policy, len(seeds)) for policy in policies}
    for policy, figures in found.items():
        print(policy, json.dumps(figures, indent=1))
    whole = {"benchmark": "label_efficiency", "seeds": [seeds.start, seeds.stop], "policies": found}
    print(json.dumps(whole | {"length_baseline": lengths, "against_trl_1000": against}))


if __name__ == "__main__":
    main()
