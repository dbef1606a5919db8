from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int
