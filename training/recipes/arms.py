"""What labels buy, on the project's own: held-out accuracy by number of labels, an arm each."""

from collections.abc import Callable
from typing import Any

import numpy as np

from training.recipes.reward import RewardModel
from training.recipes.reward_measures import measure_accuracy
from training.recipes.vote_rows import ACTIVE_POLICY, CHANCE
from training.recipes.votes import OVERALL, Votes

LEAST_LABELS = 16


def arm_curve(fit: Callable[[Votes], RewardModel], train: Votes, held_out: Votes) -> list[dict[str, Any]]:
    """Rows {"arm": "random" | "active", "labels", "accuracy", "low", "high"}; an arm of too few labels has none.

    What a person chose (users' feedback, a manager, a correction), or the reward model by contradicting, is in neither.
    Each arm's labels in a fixed random order, doubled until they end; measured on held-out verdicts that no model
    chose. Both arms learn in the same way from as many labels, so that what differs is which ones they are.
    """
    pairs = train.only_pairs().on_axis(OVERALL)
    by = np.array(pairs.chosen_by_P, dtype=object)
    found = []
    for arm, chosen in (("random", by == CHANCE), ("active", by == ACTIVE_POLICY)):
        rows = np.random.default_rng(0).permutation(np.flatnonzero(chosen))
        for labels in _sizes(len(rows)):
            part = pairs.keep(np.sort(rows[:labels]))
            accuracy = next(iter(measure_accuracy(fit(part), part, held_out)), None) if len(part.decided()) else None
            if accuracy:
                point = {"accuracy": accuracy["value"], "low": accuracy["low"], "high": accuracy["high"]}
                found.append({"arm": arm, "labels": labels} | point)
    return found


def _sizes(labels: int) -> list[int]:
    sizes = []
    size = LEAST_LABELS
    while size < labels:
        sizes.append(size)
        size *= 2
    return [*sizes, labels] if labels >= LEAST_LABELS else []
