"""Where the dots and bars of the competence page stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import AnnotatorCompetence

WIDTH, LEFT, RIGHT, ROW, BOTTOM = 640, 190, 620, 24, 40
LONGEST_NAME = 24


@dataclass(frozen=True)
class Bar:
    name: str
    y: float
    low: float
    value: float
    high: float


@dataclass(frozen=True)
class IntervalChart:
    bars: list[Bar]
    ticks: list[tuple[float, str]]
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT

    @property
    def axis_y(self) -> int:
        """Of the line under the bars."""
        return self.height - BOTTOM

    @property
    def middle_x(self) -> float:
        """Where the axis' title is centred."""
        return (LEFT + RIGHT) / 2


def draw_intervals(rows: Sequence[AnnotatorCompetence]) -> IntervalChart:
    """A line an annotator: the share of labels that were known, with its interval, from 0 to 100 %."""
    bars = [
        Bar(
            _short(row.annotator.display_name),
            ROW * (place + 0.7),
            *map(_x, (row.knows_low, row.knows, row.knows_high)),
        )
        for place, row in enumerate(rows)
    ]
    ticks = [(_x(share / 100), f"{share} %") for share in range(0, 101, 25)]
    return IntervalChart(bars, ticks, ROW * len(bars) + BOTTOM)


def _x(share: float) -> float:
    return round(LEFT + share * (RIGHT - LEFT), 1)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
