"""What the labels bought: held-out accuracy by number of labels, of those chosen and of those drawn at random."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from labeling.chosen_by import ACTIVE_POLICY, CHANCE, chosen_by
from labeling.models import ACTIVE_POLICIES, Project
from training.models import RunStatus, TrainingRun

RANDOM, ACTIVE = "random", "active"
# In figures, which are numbers alone, 0 is random and 1 active.
NAMES: dict[Any, str] = {RANDOM: RANDOM, 0: RANDOM, ACTIVE: ACTIVE, 1: ACTIVE}
# An arm is drawn from 16 labels on, and two points make a line; fewer held-out ones would give bands from 0 to 1.
MIN_LABELS, MIN_HELD_OUT = 17, 10

# As the recipe takes them: every verdict teaches, and the held-out ones that prefer an answer measure.
_COUNTS = f"""
SELECT count(*) FILTER (WHERE NOT held_out AND chosen_by = '{CHANCE}'),
       count(*) FILTER (WHERE NOT held_out AND chosen_by = '{ACTIVE_POLICY}'),
       count(*) FILTER (WHERE held_out AND choice IN ('a', 'b'))
FROM (SELECT p.held_out, c.choice, {chosen_by("c.id")} AS chosen_by
      FROM labeling_comparison c JOIN labeling_item i ON i.id = c.item_id JOIN labeling_prompt p ON p.id = i.prompt_id
      WHERE c.project_id = %s AND c.retracted_at IS NULL AND NOT c.is_surplus) said
"""  # noqa: S608 - this house's own text


@dataclass(frozen=True, slots=True)
class Point:
    """Held-out accuracy after so many labels, with its 95 % interval."""

    labels: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Arms:
    """`random` and `active` are curves, in the order of labels; `missing` says what there is too little of.

    Under a policy that looks at no reward model there is the random one alone, and `chooses` is false.
    """

    run: TrainingRun | None
    random: list[Point]
    active: list[Point]
    missing: list[str] = field(default_factory=list)
    chooses: bool = True

    @property
    def series(self) -> list[dict[str, Any]]:
        """As {% line_chart %} takes them."""
        named = (("Chosen by the reward model", self.active), ("Drawn at random", self.random))
        return [
            {"name": name, "points": [(p.labels, p.accuracy, p.low, p.high) for p in points]}
            for name, points in named
            if points
        ]

    @property
    def sentence(self) -> str:
        """What the labels bought, in one sentence or two."""
        said = say_what_labels_bought(self.random, self.active)
        alone = said and not self.chooses and not self.active
        return f"{said} Nothing was chosen by the reward model: the project's order does not ask it." if alone else said


def arms_of(project: Project) -> Arms:
    """From the newest run that has drawn the curves, and what is missing for them."""
    runs = TrainingRun.objects.filter(project=project, status=RunStatus.SUCCEEDED, result__has_key="learning_curve")
    run = runs.order_by("-pk").first()
    rows = run.result["learning_curve"] if run else []
    random, active = read_curve(rows, RANDOM), read_curve(rows, ACTIVE)
    chooses = project.selection_policy in ACTIVE_POLICIES
    enough = len(random) > 1 and (len(active) > 1 or not chooses)
    return Arms(run, random, active, [] if enough else _missing(project), chooses)


def read_curve(rows: Any, arm: str) -> list[Point]:
    """The points of one arm out of a result's learning_curve, in the order of labels; what is no point is left out."""
    points = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or NAMES.get(row.get("arm")) != arm:
            continue
        figures = [row.get(name) for name in ("labels", "accuracy", "low", "high")]
        if all(isinstance(figure, int | float) and math.isfinite(figure) for figure in figures):
            labels, accuracy, low, high = (float(figure) for figure in figures if figure is not None)
            points.append(Point(int(labels), accuracy, low, high))
    return sorted(points, key=lambda point: point.labels)


def _missing(project: Project) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [project.pk])
        random, active, held_out = cursor.fetchone()
    told = [
        _say_missing("drawn at random", random, MIN_LABELS),
        _say_missing("with a preference on held-out prompts", held_out, MIN_HELD_OUT),
    ]
    if project.selection_policy in ACTIVE_POLICIES:
        told.insert(1, _say_missing("chosen by the reward model", active, MIN_LABELS))
    return [sentence for sentence in told if sentence]


def _say_missing(which: str, there: int, wanted: int) -> str:
    return f"{there} of {wanted} judgements {which}" if there < wanted else ""


def say_what_labels_bought(random: Sequence[Point], active: Sequence[Point]) -> str:
    """In words, with no more certainty than the bands have; empty without two points of an arm."""
    if len(active) < 2 or len(random) < 2:
        curve = random if len(random) > 1 else active
        return _say_one(curve) if len(curve) > 1 else ""
    labels = min(random[-1].labels, active[-1].labels)
    if labels < max(random[0].labels, active[0].labels):
        return "The two have no number of labels in common yet, so they cannot be compared."
    chosen, drawn = _at(active, labels), _at(random, labels)
    said = (
        f"With {labels} labels each, those chosen by the reward model brought it to {_percent(chosen.accuracy)} of "
        f"held-out judgements, those drawn at random to {_percent(drawn.accuracy)}"
    )
    if chosen.low <= drawn.high and drawn.low <= chosen.high:
        return f"{said}. The bands overlap: whether choosing helped cannot be told yet."
    if chosen.accuracy < drawn.accuracy:
        return f"{said}. Choosing cost accuracy here: draw at random, or try another policy."
    needed = _labels_for(active, drawn.accuracy)
    return f"{said}. {needed:.0f} chosen ones did what {labels} random ones do: each was worth {labels / needed:.1f}."


def _say_one(curve: Sequence[Point]) -> str:
    first, last = curve[0], curve[-1]
    said = (
        f"From {first.labels} to {last.labels} labels the reward model went from {_percent(first.accuracy)} to "
        f"{_percent(last.accuracy)} of held-out judgements ({last.low * 100:.0f} to {_percent(last.high)})"
    )
    overlap = first.low <= last.high and last.low <= first.high
    return f"{said}; the bands overlap, so that may be chance." if overlap else f"{said}."


def _at(curve: Sequence[Point], labels: float) -> Point:
    """Between two points on the straight line from one to the other."""
    for before, after in zip(curve, curve[1:], strict=False):
        if before.labels <= labels <= after.labels:
            share = (labels - before.labels) / max(1, after.labels - before.labels)
            low, accuracy, high = (
                getattr(before, name) + share * (getattr(after, name) - getattr(before, name))
                for name in ("low", "accuracy", "high")
            )
            return Point(int(labels), accuracy, low, high)
    return curve[-1] if labels > curve[-1].labels else curve[0]


def _labels_for(curve: Sequence[Point], accuracy: float) -> float:
    """With how many labels the curve first reaches the accuracy; it does."""
    if curve[0].accuracy >= accuracy:
        return float(curve[0].labels)
    for before, after in zip(curve, curve[1:], strict=False):
        if after.accuracy >= accuracy:
            share = (accuracy - before.accuracy) / (after.accuracy - before.accuracy)
            return before.labels + share * (after.labels - before.labels)
    return float(curve[-1].labels)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
