"""Which curves of a run are shown, and under which titles and units."""

from dataclasses import dataclass
from typing import Any

from training.metrics import Curves

# What a figure's name ends in tells its unit.
UNITS = {
    "_nats": "nats",
    "_tokens": "tokens",
    "_share": "share",
    "_norm": "norm",
    "_tokens_per_second": "tokens a second",
    "_rate": "share",
}
ACRONYMS = {"Kl": "KL to the parent", "Lr": "Learning rate"}


@dataclass(frozen=True)
class Chart:
    title: str
    unit: str
    # As {% line_chart %} takes them.
    series: list[dict[str, Any]]


def draw_curves(curves: Curves) -> list[Chart]:
    """One chart a figure; a figure with a single value is no curve."""
    return [_chart(name, points) for name, points in curves.items() if len(points) > 1]


def _chart(name: str, points: list[tuple[float, float]]) -> Chart:
    stem, unit = name, ""
    for suffix in sorted(UNITS, key=len, reverse=True):
        if f"_{name.rpartition(' ')[2]}".endswith(suffix):
            stem, unit = name.removesuffix("_nats"), UNITS[suffix]
            break
    words = stem.replace("_", " ").capitalize()
    title = ACRONYMS.get(words, words)
    return Chart(title, unit or title.lower(), [{"name": title, "points": points}])
