"""A reward model from judgements: Bradley-Terry on the base model's averaged hidden states.

    python -m training.recipes.reward_model RUN_DIR

Reads train.jsonl and held_out.jsonl of a snapshot. Every vote counts by itself: three annotators who agree weigh
three times one, and a tie is half a vote for each side. The body stays frozen, so nearly all the time goes into
reading the answers once; they are kept in `feature_dir` (or the checkpoints), and an interrupted run, or the next
run on more votes, goes on from there. What the textbook has and this leaves out: training the body, which wants a
GPU and ten times the votes.

The held-out votes decide nothing here; they only measure. Accuracy stands beside the accuracy of always preferring the
longer (or shorter) answer on the same rows, because a reward model that knows no more than that is not one.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.recipes.conversations import read_rows
from training.recipes.features import FeatureReader
from training.recipes.intervals import (
    Floats,
    cluster_bootstrap,
    evaluation,
    expected_calibration_error,
    mean_interval,
)
from training.recipes.policies import base_sha256
from training.recipes.reward import Pairs, RewardModel, log_lengths
from training.recipes.run import RecipeError, Run, main, replace_directory

JUDGEMENT_KEYS = ("prompt_id", "prompt", "response_a", "response_b", "choice")


@dataclass(frozen=True)
class Config:
    base_dir: str
    snapshot_dir: str
    base_sha256: str | None = None  # names the body in the artifact; computed when absent
    feature_dir: str | None = None  # shared by runs over the same base; the run's own checkpoints when absent


def reward_model(run: Run, config: Config) -> None:
    base_dir, snapshot = Path(config.base_dir), Path(config.snapshot_dir)
    train = Pairs.from_judgements(read_rows(snapshot / "train.jsonl", keys=JUDGEMENT_KEYS))
    held_out = Pairs.from_judgements(read_rows(snapshot / "held_out.jsonl", keys=JUDGEMENT_KEYS))
    if not len(train.decided()):
        raise RecipeError("No judgement in this snapshot prefers one answer; collect some comparisons first.")
    run.log(0, 1, stage="load")
    reader = FeatureReader(base_dir, Path(config.feature_dir) if config.feature_dir else run.checkpoints)

    speeds = [0.0]

    def progress(done: int, total: int, tokens_per_second: float) -> None:
        speeds.append(tokens_per_second)
        run.log(done, total, {"tokens_per_second": tokens_per_second}, stage="read answers")

    # The held-out answers in the same pass: batches of one length are larger that way.
    reader.read(train.first + train.second + held_out.first + held_out.second, progress=progress)
    model, figures = RewardModel.fit(reader, train)
    evaluations = measure(model, train, held_out)
    _log_learning_curve(run, reader, train, held_out, evaluations)
    run.log(1, 1, figures, stage="fit")
    for entry in evaluations:
        print(f"{entry['metric']}: {entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f}, n = {entry['n']})")

    partial = run.directory / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    model.save(partial, base_sha256=base_sha256(base_dir, config.base_sha256))
    replace_directory(partial, run.model)
    figures |= {"train_votes": len(train), "held_out_votes": len(held_out), "tokens_per_second": speeds[-1]}
    run.finish(artifacts={"model": "model"}, figures=figures, evaluations=evaluations)


def _log_learning_curve(
    run: Run, reader: FeatureReader, train: Pairs, held_out: Pairs, of_all: list[dict[str, Any]]
) -> None:
    """Accuracy by how many votes were learnt from, in a fixed random order: does judging more still help?"""
    order = np.random.default_rng(0).permutation(len(train))
    for votes in sorted({len(train) // 8, len(train) // 4, len(train) // 2, len(train)}):
        part = train.take(np.sort(order[:votes]))
        if not of_all or not len(part.decided()):
            continue
        found = of_all if votes == len(train) else measure(RewardModel.fit(reader, part)[0], part, held_out)
        accuracy, baseline = found[0], found[1]
        curve = {"accuracy": accuracy["value"], "accuracy_low": accuracy["low"], "accuracy_high": accuracy["high"]}
        run.log(votes, len(train), curve | {"length_baseline": baseline["value"]}, stage="learning curve")


def measure(model: RewardModel, train: Pairs, held_out: Pairs) -> list[dict[str, Any]]:
    """Accuracy, the length baseline on the same rows, their difference, calibration; nothing without held-out votes."""
    decided = held_out.decided()
    if not len(decided):
        return []
    right = _right(model.score(decided.first) - model.score(decided.second), decided.wins)
    longer_wins = np.sign(_log_ratio(train) @ (train.wins - 0.5)) or 1.0
    baseline = _right(longer_wins * _log_ratio(decided), decided.wins)
    ids, n = decided.prompt_ids, len(decided)
    probability = model.preference(held_out.first, held_out.second)
    error = expected_calibration_error(probability, held_out.wins)
    error_interval = cluster_bootstrap(
        lambda rows: expected_calibration_error(probability[rows], held_out.wins[rows]), held_out.prompt_ids, draws=500
    )
    over = cluster_bootstrap(lambda rows: float((right - baseline)[rows].mean()), ids)
    rule = "the longer answer" if longer_wins > 0 else "the shorter answer"
    return [
        evaluation(
            "reward_model_accuracy",
            float(right.mean()),
            mean_interval(right, ids),
            n,
            {"of": "held-out votes with a preference"},
        ),
        evaluation("length_baseline", float(baseline.mean()), mean_interval(baseline, ids), n, {"prefers": rule}),
        evaluation("accuracy_over_length", float((right - baseline).mean()), over, n),
        evaluation("reward_model_calibration_error", error, error_interval, len(held_out)),
    ]


def _right(margins: Floats, wins: Floats) -> Floats:
    """1 where the sign of the margin agrees with the vote, 0 where not, a half where it has none."""
    return 0.5 + 0.5 * np.sign(margins) * np.sign(wins - 0.5)


def _log_ratio(pairs: Pairs) -> Floats:
    return log_lengths([text for _, text in pairs.first]) - log_lengths([text for _, text in pairs.second])


if __name__ == "__main__":
    main(reward_model, Config)
