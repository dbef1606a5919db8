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


LEARNING = "learning curve: "


@dataclass(frozen=True)
class Chart:
    title: str
    unit: str
    # As {% line_chart %} takes them.
    series: list[dict[str, Any]]
    x_label: str = "step"


def draw_curves(curves: Curves) -> list[Chart]:
    """What a reward model measures first; then one chart a figure. A figure with a single value is no curve."""
    plain = {name: points for name, points in curves.items() if not name.startswith(LEARNING)}
    return _learning_curve(curves) + [_chart(name, points) for name, points in plain.items() if len(points) > 1]


def _learning_curve(curves: Curves) -> list[Chart]:
    found = {name.removeprefix(LEARNING): points for name, points in curves.items() if name.startswith(LEARNING)}
    if len(found.get("accuracy", [])) < 2:
        return []
    if "arm" in found:
        return _arms(found)
    low, high = dict(found["accuracy_low"]), dict(found["accuracy_high"])
    series = [
        {
            "name": "This reward model",
            "points": [(votes, share, low[votes], high[votes]) for votes, share in found["accuracy"]],
        },
        {"name": "Length alone", "points": found["length_baseline"]},
    ]
    title = "Held-out judgements it agrees with, by how many it learnt from"
    return [Chart(title, "share that agrees", series, x_label="judgements learnt from")]


def _arms(found: Curves) -> list[Chart]:
    """Accuracy by labels, of items drawn at random (0) and of those that the reward model chose (1)."""
    columns = [found[name] for name in ("arm", "labels", "accuracy", "accuracy_low", "accuracy_high")]
    rows = [[value for _, value in row] for row in zip(*columns, strict=False)]
    series: list[dict[str, Any]] = [
        {"name": name, "points": sorted(tuple(row[1:]) for row in rows if row[0] == arm)}
        for arm, name in ((1.0, "Chosen by the reward model"), (0.0, "Drawn at random"))
    ]
    labels = [row[1] for row in rows]
    if found.get("length_baseline") and min(labels) < max(labels):
        alone = found["length_baseline"][-1][1]
        series.append({"name": "Length alone", "points": [(min(labels), alone), (max(labels), alone)]})
    title = "Held-out accuracy by number of labels"
    return [Chart(title, "share that agrees", [one for one in series if one["points"]], x_label="labels learnt from")]


def _chart(name: str, points: list[tuple[float, float]]) -> Chart:
    stem, unit = name, ""
    for suffix in sorted(UNITS, key=len, reverse=True):
        if f"_{name.rpartition(' ')[2]}".endswith(suffix):
            stem, unit = name.removesuffix("_nats"), UNITS[suffix]
            break
    words = stem.replace("_", " ").capitalize()
    title = ACRONYMS.get(words, words)
    return Chart(title, unit or title.lower(), [{"name": title, "points": points}])
