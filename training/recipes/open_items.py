"""The comparisons that are still to be judged, put in the order in which they teach the head most."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.recipes.conversations import read_rows
from training.recipes.features import Answer
from training.recipes.intervals import Floats
from training.recipes.reward import RewardModel
from training.recipes.row_checks import check_demonstration, check_open_item
from training.recipes.run import RecipeError, write_atomically
from training.recipes.selection import Belief, choose, knows_what_is_served

KEYS = ("item_id", "prompt_id", "prompt", "response_a", "response_b")
PRIORITIES = "priorities.jsonl"
# Answers are read so many items at a time, so that the clock is looked at often.
ITEMS_AT_ONCE = 16
# With fewer answers than that nobody knows what users ask for.
MIN_SERVED = 30
# Of the time there is for reading, what served answers may take: next time they are in the cache.
SERVED_TIME = 0.5


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
    served_answers: Path | None = None,
    held_out: tuple[Sequence[Answer], Sequence[Answer]] = ((), ()),
) -> dict[str, float]:
    """Write a line an item to `target`, as `selection.Order.lines` has them; return the figures of it.

    An item whose answers could not be read in time is left out: it keeps its place until the next refit. So does one
    whose prompt the base's chat template does not take; `items_refused` counts those.

    A policy that chooses for what will be served is told it by answers that users got: of most conversations there is
    one, and the spread of single answers does as well as that of pairs (benchmarks/served_prompts.py). Where there are
    few, by pairs of held-out prompts, of which only what the base makes of them is looked at; the open items themselves
    where there are none.

    Args:
        served_answers: a file of lines `{"prompt", "response"}`, a random sample.
    Raises:
        RecipeError: a line of a file cannot be read, or the model is from before covariances were kept.
    """
    if model.covariance is None:
        raise RecipeError("This reward model does not know how sure it is; train it again.")
    rows = read_rows(items, keys=KEYS, check=check_open_item)
    until = time.monotonic() + ordering.seconds_to_read
    served_M_K: Floats | None = None
    figures: dict[str, float] = {"open_items": len(rows)}
    if rows and served_answers and knows_what_is_served(ordering.policy):
        soon = time.monotonic() + SERVED_TIME * ordering.seconds_to_read
        served_M_K = _spread_of_answers(model, served_answers, soon)
        figures["served_answers"] = 0 if served_M_K is None else len(served_M_K)
    if served_M_K is None and len(held_out[0]):
        served_M_K = model.features(held_out[0]) - model.features(held_out[1])
    known, refused = _read_in_time(model, rows, _both, until)
    figures |= {"items_in_order": len(known), "items_refused": refused}
    if not known:
        write_atomically(target, "")
        return figures
    differences = model.features([_answer(row, "a") for row in known]) - model.features(
        [_answer(row, "b") for row in known]
    )
    groups = model.projection.groups
    order = choose(
        ordering.policy, differences, Belief(model.weights, model.covariance, model.prior_precision, groups),
        served_M_K=served_M_K,
        item_ids=[row["item_id"] for row in known], prompt_ids=[row["prompt_id"] for row in known],
        batch=ordering.batch, seed=ordering.seed, random_share=ordering.random_share,
    )  # fmt: skip
    lines = (json.dumps(line) + "\n" for line in order.lines([row["item_id"] for row in known]))
    write_atomically(target, "".join(lines))
    return figures


def _spread_of_answers(model: RewardModel, path: Path, until: float) -> Floats | None:
    """Features of served answers around their mean, shape (answers, K); None where they are too few, or unread yet."""
    rows = read_rows(path, keys=("prompt", "response"), check=check_demonstration)
    known, _ = _read_in_time(model, rows, _single, until)
    if len(known) < MIN_SERVED:
        return None
    served_M_K = model.features([answer for row in known for answer in _single(row)])
    return np.asarray(served_M_K - served_M_K.mean(axis=0))


def _read_in_time(
    model: RewardModel,
    rows: Sequence[dict[str, Any]],
    answers_of: Callable[[dict[str, Any]], list[Answer]],
    until: float,
) -> tuple[list[dict[str, Any]], int]:
    """The rows whose answers are read: those that were, and of the others as many as there is time for. And how many
    were met that cannot be read.
    """
    is_known = [all(model.reader.knows(answer) for answer in answers_of(row)) for row in rows]
    known = [row for row, read in zip(rows, is_known, strict=True) if read]
    unknown = [row for row, read in zip(rows, is_known, strict=True) if not read]
    refused = 0
    for start in range(0, len(unknown), ITEMS_AT_ONCE):
        if time.monotonic() >= until:
            break
        part = unknown[start : start + ITEMS_AT_ONCE]
        taken = [row for row in part if model.reader.takes(row["prompt"])]
        refused += len(part) - len(taken)
        if taken:
            model.reader.read([answer for row in taken for answer in answers_of(row)])
        known += taken
    return known, refused


def _single(row: dict[str, Any]) -> list[Answer]:
    return [(row["prompt"], row["response"])]


def _both(row: dict[str, Any]) -> list[Answer]:
    return [_answer(row, "a"), _answer(row, "b")]


def _answer(row: dict[str, Any], side: str) -> Answer:
    return row["prompt"], row[f"response_{side}"]
