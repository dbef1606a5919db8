"""A line chart's marks, ready for the template."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from config.charts.scale import Scale, round_ticks, tick_text

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 54, 26, 12, 42
# The left margin holds the y axis's title, a gap, the longest tick at 7 px a character, and a gap.
TITLE_WIDTH, CHARACTER_WIDTH = 32, 7
# Beyond this many points a line on 480 pixels gains nothing and the page grows: others are left out evenly.
MAX_POINTS = 400
MAX_TABLE_ROWS = 200
# Lines differ in their dashes too, so that colour alone tells nothing.
DASHES = ["", "7 4", "2 4", "10 4 2 4", "1 5", "12 3"]

Point = tuple[float, float | None, float | None, float | None]


@dataclass(frozen=True)
class Line:
    """One series: `path` and `band` are SVG path data, `dots` are points that no segment would show."""

    name: str
    colour: int
    dash: str
    path: str
    band: str
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """What the template draws; `lines` is empty when there is no figure to show."""

    lines: list[Line] = field(default_factory=list)
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    rows_left_out: int = 0
    has_bands: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM

    @property
    def middle_x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def middle_y(self) -> float:
        return (self.top + self.bottom) / 2


def lay_out(series: Sequence[dict[str, Any]]) -> Chart:
    """Place every point, thin out what is too dense, and choose the ticks."""
    is_time = any(isinstance(point[0], date) for one in series for point in one["points"])
    is_day = is_time and not any(isinstance(point[0], datetime) for one in series for point in one["points"])
    named = [(str(one["name"]), _thin([_point(raw) for raw in one["points"]])) for one in series]
    xs = [point[0] for _, points in named for point in points]
    ys = [value for _, points in named for point in points for value in point[1:] if value is not None]
    if not xs or not ys:
        return Chart()
    x_marks = _time_ticks(min(xs), max(xs)) if is_time else _number_ticks(xs)
    y_marks = _number_ticks(ys)
    left = max(LEFT, TITLE_WIDTH + CHARACTER_WIDTH * max(len(text) for _, text in y_marks))
    x_low, x_high = (min(xs), max(xs)) if is_time and min(xs) < max(xs) else (x_marks[0][0], x_marks[-1][0])
    if not is_time and min(xs) < max(xs):
        # The lines fill the width; the y axis keeps its round ends.
        x_low, x_high = min(xs), max(xs)
        x_marks = [mark for mark in x_marks if x_low <= mark[0] <= x_high]
    x = Scale(x_low, x_high, left, WIDTH - RIGHT)
    y = Scale(y_marks[0][0], y_marks[-1][0], HEIGHT - BOTTOM, TOP)
    lines = [_line(name, index, points, x, y) for index, (name, points) in enumerate(named)]
    rows = [
        (name, _x_text(point[0], is_time, is_day), _figure(point[1]), _range(point))
        for name, points in named
        for point in points
    ]
    return Chart(
        lines=lines,
        x_ticks=[(x(value), text) for value, text in x_marks],
        y_ticks=[(y(value), text) for value, text in y_marks],
        rows=rows[:MAX_TABLE_ROWS],
        rows_left_out=max(0, len(rows) - MAX_TABLE_ROWS),
        has_bands=any(line.band for line in lines),
        left=left,
    )


def _point(raw: Sequence[Any]) -> Point:
    x = raw[0]
    if isinstance(x, date):
        x = (x if isinstance(x, datetime) else datetime.combine(x, time())).timestamp()
    x = float(x)
    # A loss that went to infinity is a gap in the line, not a chart without a scale.
    y, low, high = (
        None if value is None or not math.isfinite(value) else float(value) for value in (*raw[1:4], None, None)[:3]
    )
    return x, y, low, high


def _thin(points: list[Point]) -> list[Point]:
    if len(points) <= MAX_POINTS:
        return points
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return [points[round(index * step)] for index in range(MAX_POINTS)]


def _line(name: str, index: int, points: list[Point], x: Scale, y: Scale) -> Line:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x_value, y_value, _, _ in points:
        if y_value is None:
            pieces.append([])
        else:
            pieces[-1].append((x(x_value), y(y_value)))
    path = " ".join("M" + " L".join(f"{a} {b}" for a, b in piece) for piece in pieces if len(piece) > 1)
    banded = [point for point in points if point[2] is not None and point[3] is not None]
    edge = [f"{x(p[0])} {y(p[3])}" for p in banded] + [f"{x(p[0])} {y(p[2])}" for p in reversed(banded)]  # type: ignore[arg-type]
    return Line(
        name=name,
        colour=index % 6 + 1,
        dash=DASHES[index % len(DASHES)],
        path=path,
        band="M" + " L".join(edge) + " Z" if len(banded) > 1 else "",
        dots=[spot for piece in pieces for spot in piece if len(piece) == 1 or len(points) <= 12],
    )


def _number_ticks(figures: list[float]) -> list[tuple[float, str]]:
    # Steps and counts are whole: half a step would be a mark for nothing.
    values = round_ticks(min(figures), max(figures), whole=all(figure.is_integer() for figure in figures))
    return [(value, tick_text(value, values[1] - values[0])) for value in values]


def _time_ticks(low: float, high: float) -> list[tuple[float, str]]:
    if low == high:
        return [(low - 1, ""), (low, _x_text(low, True)), (low + 1, "")]
    pattern = "%H:%M" if high - low < 36 * 3600 else "%d %b" if high - low < 300 * 86400 else "%b %Y"
    places = [low + (high - low) * part / 4 for part in range(5)]
    # Days that repeat ("3 May, 3 May") would look like a mistake.
    texts = [f"{datetime.fromtimestamp(place).astimezone():{pattern}}" for place in places]
    return [
        (place, text if index == 0 or text != texts[index - 1] else "")
        for index, (place, text) in enumerate(zip(places, texts, strict=True))
    ]


def _x_text(value: float, is_time: bool, is_day: bool = False) -> str:
    if not is_time:
        return f"{value:g}"
    return f"{datetime.fromtimestamp(value).astimezone():{'%d %b %Y' if is_day else '%d %b %Y, %H:%M'}}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def _range(point: Point) -> str:
    return "" if point[2] is None or point[3] is None else f"{_figure(point[2])} to {_figure(point[3])}"
