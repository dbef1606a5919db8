"""The comparisons that are still to be judged, put in the order in which they teach the head most."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.recipes.conversations import read_rows
from training.recipes.features import Answer
from training.recipes.reward import RewardModel
from training.recipes.row_checks import check_open_item
from training.recipes.run import RecipeError, write_atomically
from training.recipes.selection import Belief, choose

KEYS = ("item_id", "prompt_id", "prompt", "response_a", "response_b")
PRIORITIES = "priorities.jsonl"
# Answers are read so many items at a time, so that the clock is looked at often.
ITEMS_AT_ONCE = 16


@dataclass(frozen=True)
class Ordering:
    policy: str
    random_share: float
    batch: int  # labels that are expected before the next refit
    seed: int
    seconds_to_read: float  # for answers that nobody has read yet


def put_in_order(
    model: RewardModel,
    items: Path,
    target: Path,
    ordering: Ordering,
    *,
    served: tuple[Sequence[Answer], Sequence[Answer]] = ((), ()),
) -> dict[str, float]:
    """Write a line an item to `target`, as `selection.Order.lines` has them; return the figures of it.

    An item whose answers could not be read in time is left out: it keeps its place until the next refit. So does one
    whose prompt the base's chat template does not take; `items_refused` counts those.

    Args:
        served: pairs as the model will meet them, on prompts that are not learnt from; only what the base makes of them
            is looked at. The open items themselves when empty.
    Raises:
        RecipeError: a line of `items` cannot be read, or the model is from before covariances were kept.
    """
    if model.covariance is None:
        raise RecipeError("This reward model does not know how sure it is; train it again.")
    rows = read_rows(items, keys=KEYS, check=check_open_item)
    known, refused = _read_in_time(model, rows, ordering.seconds_to_read)
    figures = {"open_items": float(len(rows)), "items_in_order": float(len(known)), "items_refused": float(refused)}
    if not known:
        write_atomically(target, "")
        return figures
    differences = model.features([_answer(row, "a") for row in known]) - model.features(
        [_answer(row, "b") for row in known]
    )
    groups = model.projection.groups
    order = choose(
        ordering.policy, differences, Belief(model.weights, model.covariance, model.prior_precision, groups),
        served_M_K=model.features(served[0]) - model.features(served[1]) if len(served[0]) else None,
        item_ids=[row["item_id"] for row in known], prompt_ids=[row["prompt_id"] for row in known],
        batch=ordering.batch, seed=ordering.seed, random_share=ordering.random_share,
    )  # fmt: skip
    lines = (json.dumps(line) + "\n" for line in order.lines([row["item_id"] for row in known]))
    write_atomically(target, "".join(lines))
    return figures


def _read_in_time(
    model: RewardModel, rows: Sequence[dict[str, Any]], seconds: float
) -> tuple[list[dict[str, Any]], int]:
    """The items whose answers are read: those that were, and of the others as many as there is time for. And how many
    were met that cannot be read.
    """
    until, refused = time.monotonic() + seconds, 0
    known = [row for row in rows if all(model.reader.knows(answer) for answer in _both(row))]
    seen = {row["item_id"] for row in known}
    unknown = [row for row in rows if row["item_id"] not in seen]
    for start in range(0, len(unknown), ITEMS_AT_ONCE):
        if time.monotonic() >= until:
            break
        part = unknown[start : start + ITEMS_AT_ONCE]
        taken = [row for row in part if model.reader.takes(row["prompt"])]
        refused += len(part) - len(taken)
        if taken:
            model.reader.read([answer for row in taken for answer in _both(row)])
        known += taken
    return known, refused


def _both(row: dict[str, Any]) -> list[tuple[Any, str]]:
    return [_answer(row, "a"), _answer(row, "b")]


def _answer(row: dict[str, Any], side: str) -> tuple[Any, str]:
    return row["prompt"], row[f"response_{side}"]
