"""What stands behind a win rate: who judged, how long the answers are, and some of them side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from models_registry.gate_rule import WIN_RATE
from models_registry.models import Evaluation

# Outside these a difference of length is told as a warning: many a judge takes length for worth.
SHORT, LONG = 0.5, 2.0
PARTS = ("", "", "half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")


@dataclass(frozen=True)
class Evidence:
    """`detail` is the win rate's, which names the judge; `over_length` is measured of the reward model."""

    win_rate: Evaluation
    detail: dict[str, Any]
    length_warning: str
    median_characters: dict[str, float]
    over_length: Evaluation | None
    samples: list[dict[str, Any]]


def evidence_of(evaluations: Iterable[Evaluation]) -> Evidence | None:
    """Of the newest evaluation of each metric; None where no win rate was measured."""
    newest = {evaluation.metric: evaluation for evaluation in sorted(evaluations, key=attrgetter("pk"))}
    win_rate = newest.get(WIN_RATE)
    if win_rate is None:
        return None
    lengths = newest["length_ratio"].detail if "length_ratio" in newest else {}
    return Evidence(
        win_rate=win_rate,
        detail=win_rate.detail,
        length_warning=say_length(lengths["of_medians"]) if "of_medians" in lengths else "",
        median_characters=lengths.get("median_characters", {}),
        over_length=newest.get("accuracy_over_length"),
        samples=win_rate.detail.get("samples", []),
    )


def say_length(ratio: float) -> str:
    """`Its answers are a fifth as long`, where it differs enough to be looked at."""
    if SHORT <= ratio <= LONG:
        return ""
    if ratio > LONG:
        return f"Its answers are {ratio:.1f} times as long as its parent's."
    part = round(1 / ratio) if ratio > 0 else len(PARTS)
    return f"Its answers are {PARTS[part] if part < len(PARTS) else 'less than a tenth'} as long as its parent's."
