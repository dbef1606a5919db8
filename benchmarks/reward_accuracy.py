"""How well does the reward model predict people, beyond the length of an answer?

    python -m benchmarks.reward_accuracy [--rows 2000] [--base DIRECTORY]

Cross-validates the recipe's reward model on HH-RLHF helpful pairs: five folds split by prompt, so that every pair
is predicted by a head that has seen neither it nor its prompt. Prints one JSON line last: accuracy, the accuracy of
preferring the longer answer on the same rows, their difference, each with a 95 % interval over prompts. Features
are kept in ACCORD_DATA_DIR/benchmarks, so a second start takes seconds.
"""

import argparse
import gzip
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from training.recipes.features import FeatureReader
from training.recipes.intervals import cluster_bootstrap, expected_calibration_error
from training.recipes.prepare_base import Config, prepare_base
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import log_ratio
from training.recipes.run import Run
from training.recipes.votes import Votes

FOLDS = 5
VOTES = (64, 256, 512)  # learning curve: accuracy of heads fitted on so many


def main() -> None:
    parser = argparse.ArgumentParser(description="Held-out accuracy of the reward model on HH-RLHF helpful")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--base", type=Path, default=None, help="a prepared base model; Gemma 3 270M when absent")
    arguments = parser.parse_args()
    data = Path(os.environ.get("ACCORD_REFERENCE_DATA", "../shared/data")) / "hh_helpful_train.jsonl.gz"
    if not data.exists():
        sys.exit(f"There is no {data}; set ACCORD_REFERENCE_DATA to the folder with the reference data.")
    work = Path(os.environ.get("ACCORD_DATA_DIR", "var")) / "benchmarks"
    started = time.monotonic()
    base = arguments.base or _prepare(work / "base")
    pairs = read_pairs(data, arguments.rows)
    reader = FeatureReader(base, work / "features")
    reader.read(pairs.answers, progress=_say)
    read_seconds = time.monotonic() - started
    print(json.dumps({"benchmark": "reward_accuracy", "read_seconds": round(read_seconds, 1)} | measure(reader, pairs)))


def read_pairs(path: Path, count: int) -> Votes:
    """A random sample, the better answer first or second by the toss of a coin."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chance = random.Random(0)
    chance.shuffle(rows)
    ids: dict[str, int] = {}
    judgements = []
    for row in rows[:count]:
        first = chance.random() < 0.5
        a, b = (row["chosen"], row["rejected"]) if first else (row["rejected"], row["chosen"])
        judgements.append(
            {
                "prompt_id": ids.setdefault(json.dumps(row["prompt"]), len(ids)),
                "prompt": row["prompt"],
                "response_a": a,
                "response_b": b,
                "choice": "a" if first else "b",
            }
        )
    return Votes.from_rows(judgements)


def measure(reader: FeatureReader, pairs: Votes) -> dict[str, Any]:
    chance = np.random.default_rng(0)
    prompts = pairs.prompt_ids_P
    folds = chance.integers(FOLDS, size=int(prompts.max()) + 1)[prompts]
    probability = np.zeros(len(pairs))
    curve: dict[int, list[float]] = {votes: [] for votes in VOTES}
    started = time.monotonic()
    for fold in range(FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        first, second = ([pairs.answers[a] for a in side[test]] for side in (pairs.first_P, pairs.second_P))
        model, _ = RewardModel.fit(reader, _alone(pairs, train))
        probability[test] = model.preference(first, second)
        for votes, accuracies in curve.items():
            few, _ = RewardModel.fit(reader, _alone(pairs, chance.permutation(train)[:votes]))
            right = (few.preference(first, second) > 0.5) == (pairs.win_P[test] > 0.5)
            accuracies.append(float(right.mean()))
    right = ((probability > 0.5) == (pairs.win_P > 0.5)).astype(float)
    longer = 0.5 + 0.5 * np.sign(log_ratio(pairs)) * np.sign(pairs.win_P - 0.5)
    return {
        "pairs": len(pairs),
        "prompts": len(set(prompts.tolist())),
        "accuracy": _with_interval(right, prompts.tolist()),
        "longer_answer": _with_interval(longer, prompts.tolist()),
        "over_longer_answer": _with_interval(right - longer, prompts.tolist()),
        "calibration_error": round(expected_calibration_error(probability, pairs.win_P), 4),
        "accuracy_by_votes": {votes: round(float(np.mean(found)), 4) for votes, found in curve.items()},
        "fit_seconds": round(time.monotonic() - started, 1),
    }


def _alone(pairs: Votes, rows: np.ndarray) -> Votes:
    """These pairs and their prompts' answers: the projection must not have seen the others either."""
    return pairs.keep(rows).take(np.unique(pairs.prompt_ids_P[rows]).tolist())


def _with_interval(values: np.ndarray, prompts: list[int]) -> dict[str, float]:
    low, high = cluster_bootstrap(lambda rows: float(values[rows].mean()), prompts, draws=1000)
    return {"value": round(float(values.mean()), 4), "low": round(low, 4), "high": round(high, 4)}


def _prepare(directory: Path) -> Path:
    if not (directory / "result.json").exists():
        directory.mkdir(parents=True, exist_ok=True)
        prepare_base(Run(directory), Config())
    return directory / "model"


def _say(done: int, total: int, tokens_per_second: float) -> None:
    print(f"{done}/{total} answers, {tokens_per_second:.0f} tokens a second", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
