"""From figures to places on the paper, and round figures for the axes."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A straight line from [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a figure, to a tenth of a pixel."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def round_ticks(low: float, high: float, wanted: int = 5, *, whole: bool = False) -> list[float]:
    """About `wanted` figures of 1, 2 or 5 times a power of ten that cover [low, high]; `whole`: no fractions."""
    if low == high:
        pad = 1.0 if whole else abs(low) / 10 or 1.0
        low, high = low - pad, high + pad
    rough = max((high - low) / wanted, 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick with the decimals that its step needs, large ones as 1.2 k or 3 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, None)):
        if abs(value) >= size and unit:
            return f"{value / size:.3g}{unit}"
        if abs(value) >= size:
            return f"{value / 1000:.4g} k"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if decimals > 6:
        return f"{value:.1e}"
    return f"{value:.{decimals}f}".replace("-", "−")
