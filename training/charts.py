"""Which curves of a run are shown, under which titles."""

from dataclasses import dataclass
from typing import Any

from training.metrics import Curves


@dataclass(frozen=True)
class Chart:
    title: str
    # As {% line_chart %} takes them.
    series: list[dict[str, Any]]


def draw_curves(curves: Curves) -> list[Chart]:
    """One chart a figure; a figure with a single value is no curve."""
    titles = {name: name.replace("_", " ").capitalize() for name, points in curves.items() if len(points) > 1}
    return [Chart(title, [{"name": title, "points": curves[name]}]) for name, title in titles.items()]
