"""What the labels bought: held-out accuracy by number of labels, of those chosen and of those drawn at random."""

import math
from collections.abc import Mapping, Sequence
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

    Under a policy that looks at no reward model there is the random one alone, and `chooses` is false. `gains` is the
    recipe's `label_gains`; runs from before it was told have none.
    """

    run: TrainingRun | None
    random: list[Point]
    active: list[Point]
    gains: Mapping[str, Any]
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
        said = say_what_labels_bought(self.random, self.active, self.gains)
        alone = said and not self.chooses and not self.active
        return f"{said} Nothing was chosen by the reward model: the project's order does not ask it." if alone else said


def arms_of(project: Project) -> Arms:
    """From the newest run that has drawn the curves, and what is missing for them."""
    runs = TrainingRun.objects.filter(project=project, status=RunStatus.SUCCEEDED, result__has_key="learning_curve")
    run = runs.order_by("-pk").first()
    result = run.result if run else {}
    rows = result.get("learning_curve")
    random, active = read_curve(rows, RANDOM), read_curve(rows, ACTIVE)
    chooses = project.selection_policy in ACTIVE_POLICIES
    enough = len(random) > 1 and (len(active) > 1 or not chooses)
    gains = result.get("label_gains") or {}
    return Arms(run, random, active, gains, [] if enough else _missing(project), chooses)


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


def say_what_labels_bought(random: Sequence[Point], active: Sequence[Point], gains: Mapping[str, Any]) -> str:
    """In words, with no more certainty than the recipe's intervals have; empty without two points of an arm."""
    if len(active) < 2 or len(random) < 2:
        curve, arm = (random, RANDOM) if len(random) > 1 else (active, ACTIVE)
        gained = next((row for row in gains.get("gained") or [] if row["arm"] == arm), None)
        return _say_one(curve, gained) if len(curve) > 1 else ""
    both = {point.labels: point for point in random}.keys() & {point.labels: point for point in active}.keys()
    if not both:
        return "The two have no number of labels in common yet, so they cannot be compared."
    difference, saving = gains.get("difference"), gains.get("saving")
    labels = difference["labels"] if difference else max(both)
    chosen, drawn = (next(p for p in curve if p.labels == labels) for curve in (active, random))
    said = (
        f"With {labels} labels each, those chosen by the reward model brought it to {_percent(chosen.accuracy)} of "
        f"held-out judgements, those drawn at random to {_percent(drawn.accuracy)}"
    )
    if not difference:
        return f"{said}. Whether that may be chance, the next refit tells."
    said += f": {_points(difference)}"
    if difference["low"] <= 0 <= difference["high"]:
        return f"{said}. Whether choosing helped cannot be told yet."
    if difference["high"] < 0:
        return f"{said}. Choosing cost accuracy here: draw at random, or try another policy."
    return f"{said}. {_say_saving(saving)}" if saving else f"{said}."


def _say_saving(saving: Mapping[str, Any]) -> str:
    low, high = saving["low"], saving["high"]
    between = (
        f" ({low:.1f} to {high:.1f})" if low and high
        else f" ({low:.1f} at least)" if low
        else f" ({high:.1f} at most)" if high
        else ""
    )  # fmt: skip
    needed, labels = f"{saving['needed']:.0f}", saving["labels"]
    return f"{needed} chosen ones did what {labels} random ones do: each was worth {saving['value']:.1f}{between}."


def _say_one(curve: Sequence[Point], gained: Mapping[str, Any] | None) -> str:
    first, last = curve[0], curve[-1]
    said = (
        f"From {first.labels} to {last.labels} labels the reward model went from {_percent(first.accuracy)} to "
        f"{_percent(last.accuracy)} of held-out judgements ({last.low * 100:.0f} to {_percent(last.high)})"
    )
    if not gained:
        return f"{said}."
    told = f"{said}: {_points(gained)}"
    return f"{told}, so that may be chance." if gained["low"] <= 0 <= gained["high"] else f"{told}."


def _points(difference: Mapping[str, Any]) -> str:
    """`4.0 points more (1.2 to 6.8)`."""
    value, low, high = (100 * difference[name] for name in ("value", "low", "high"))
    if value < 0:
        value, low, high = -value, -high, -low
        return f"{value:.1f} points less ({low:.1f} to {high:.1f})".replace("(-", "(−")
    return f"{value:.1f} points more ({low:.1f} to {high:.1f})".replace("(-", "(−")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
