"""What was measured of a version by slice, a row a slice: length, source, axis, annotators' groups."""

from collections.abc import Iterable
from dataclasses import dataclass

from models_registry.models import Evaluation

MEASURES = ("calibration_error", "brier", "negative_log_likelihood")
_WORDS = {"length": "Lengths", "source": "Source", "axis": "Axis", "annotators": "Annotators"}


@dataclass(frozen=True, slots=True)
class Slice:
    word: str
    group: str
    n: int
    figures: list[Evaluation | None]  # in the order of MEASURES


def split_slices(evaluations: Iterable[Evaluation]) -> tuple[list[Evaluation], list[Slice]]:
    """What is of the whole, and the rows of slices, of each figure the newest."""
    whole: list[Evaluation] = []
    found: dict[tuple[str, str], dict[str, Evaluation]] = {}
    for one in sorted(evaluations, key=lambda one: (one.metric, -one.pk)):
        measure = one.metric.partition("_by_")[0]
        if (
            measure in MEASURES
            and isinstance(one.detail.get("slice"), str)
            and isinstance(one.detail.get("group"), str)
        ):
            found.setdefault((one.detail["slice"], one.detail["group"]), {}).setdefault(measure, one)
        else:
            whole.append(one)
    rows = [
        Slice(_WORDS.get(by, by), group, next(iter(own.values())).n, [own.get(measure) for measure in MEASURES])
        for (by, group), own in sorted(found.items())
    ]
    return whole, rows
