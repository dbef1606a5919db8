"""How well does the reward model predict people, beyond the length of an answer?

    python -m benchmarks.reward_accuracy [--rows 2000] [--base DIRECTORY]

Cross-validates the recipe's reward model on HH-RLHF helpful pairs: five folds split by prompt, so that every pair
is predicted by a head that has seen neither it nor its prompt. Prints one JSON line last: accuracy, the accuracy of
preferring the longer answer on the same rows, their difference, each with a 95 % interval over prompts. Features
are kept in ACCORD_DATA_DIR/benchmarks, so a second start takes seconds.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks.reference_data import (
    add_base_argument,
    data_directory,
    prepared_base,
    read_pairs,
    say_read,
    with_interval,
    work_directory,
)
from training.recipes.features import FeatureReader
from training.recipes.intervals import expected_calibration_error
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import log_ratio
from training.recipes.votes import Votes

FOLDS = 5
VOTES = (64, 256, 512)  # learning curve: accuracy of heads fitted on so many


def main() -> None:
    parser = argparse.ArgumentParser(description="Held-out accuracy of the reward model on HH-RLHF helpful")
    parser.add_argument("--rows", type=int, default=2000)
    add_base_argument(parser)
    arguments = parser.parse_args()
    started = time.monotonic()
    pairs = read_pairs(data_directory() / "hh_helpful_train.jsonl.gz", arguments.rows)
    reader = FeatureReader(prepared_base(arguments.base), work_directory() / "features")
    reader.read(pairs.answers, progress=say_read)
    read_seconds = time.monotonic() - started
    print(json.dumps({"benchmark": "reward_accuracy", "read_seconds": round(read_seconds, 1)} | measure(reader, pairs)))


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
        "accuracy": with_interval(right, prompts.tolist()),
        "longer_answer": with_interval(longer, prompts.tolist()),
        "over_longer_answer": with_interval(right - longer, prompts.tolist()),
        "calibration_error": round(expected_calibration_error(probability, pairs.win_P), 4),
        "accuracy_by_votes": {votes: round(float(np.mean(found)), 4) for votes, found in curve.items()},
        "fit_seconds": round(time.monotonic() - started, 1),
    }


def _alone(pairs: Votes, rows: np.ndarray) -> Votes:
    """These pairs and their prompts' answers: the projection must not have seen the others either."""
    return pairs.keep(rows).take(np.unique(pairs.prompt_ids_P[rows]).tolist())


if __name__ == "__main__":
    main()
