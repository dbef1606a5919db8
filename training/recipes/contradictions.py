"""Where a reward model contradicts the annotators most: each verdict held against a head that has not seen it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.recipes.conversations import read_rows
from training.recipes.readable import can_read
from training.recipes.reward import RewardModel
from training.recipes.run import write_atomically
from training.recipes.vote_rows import PAIR_KEYS
from training.recipes.votes import Votes

Chosen = NDArray[np.bool_]
CONTRADICTIONS = "contradictions.jsonl"


def write_contradictions(
    fit: Callable[[Votes, Chosen], RewardModel], model: RewardModel, train: Votes, snapshot: Path, target: Path
) -> int:
    """Write a line a comparison that preferred one answer, and return how many.

    Lines: {"judgement_id", "item_id", "probability"}: of the other answer, as a head says that was fitted without the
    verdicts on this prompt. Two heads are enough, each on half of the prompts; the held-out ones `model` has not seen.

    Args:
        fit: to votes, and which of `train`'s answers these are about; its probabilities get the temperature of `model`.
    """
    rows = [
        row
        for part in ("train", "held_out")
        for row in read_rows(snapshot / f"{part}.jsonl", keys=PAIR_KEYS)
        if _is_verdict(row) and can_read(model.reader, (row["prompt"], row["response_a"]))
    ]
    prompts = np.random.default_rng(0).permutation(np.unique(train.prompt_ids_A))
    halves = {int(prompt): place % 2 for place, prompt in enumerate(prompts)}
    judges: dict[int | None, RewardModel] = {None: model}
    for half in (0, 1) if rows else ():
        ids = [prompt for prompt, its in halves.items() if its != half]
        others = train.take(ids)
        if len(others.decided()):
            judges[half] = fit(others, np.isin(train.prompt_ids_A, ids)).calibrated(model.temperature)
    lines: list[str] = []
    for its_half, judge in judges.items():
        chosen = [row for row in rows if halves.get(row["prompt_id"]) == its_half]
        share = judge.preference(
            [(row["prompt"], row["response_a"]) for row in chosen],
            [(row["prompt"], row["response_b"]) for row in chosen],
        )
        for row, first in zip(chosen, share, strict=True):
            line = {
                "judgement_id": row["judgement_ids"][0],
                "item_id": row["item_id"],
                "probability": round(float(1 - first if row["choice"] == "a" else first), 6),
            }
            lines.append(json.dumps(line) + "\n")
    write_atomically(target, "".join(lines))
    return len(lines)


def _is_verdict(row: dict[str, object]) -> bool:
    """Said by somebody of a pair as it was shown: not read off a ranking or a correction, and with a number of its own.

    Snapshots that others wrote need not number their judgements.
    """
    is_comparison = row.get("kind", "comparison") == "comparison"
    return row["choice"] in ("a", "b") and is_comparison and bool(row.get("judgement_ids")) and "item_id" in row
