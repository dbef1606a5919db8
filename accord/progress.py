"""Progress bars without a library: one line on standard error, where somebody can see it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

# True: a bar, if standard error is a terminal. Or a function that is told how far it is.
Show = bool | Callable[["Progress"], None]
_WIDTH = 24


@dataclass
class Progress:
    """How far something is. `total` is None where nobody knows."""

    what: str
    unit: str = ""
    total: float | None = None
    done: float = 0
    note: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def __str__(self) -> str:
        share, amount = self.share, _amount(self.done, self.unit)
        if share is None:
            line = f"{self.what}  {amount}"
        else:
            filled = round(share * _WIDTH)
            line = f"{self.what}  {'█' * filled}{'░' * (_WIDTH - filled)} {share:4.0%}  {amount}"
        return f"{line}  {self.seconds:.0f} s" + (f"  {self.note}" if self.note else "")


class Meter:
    """Tells of progress, ten times a second at most, and of its end always. Use it as a context."""

    def __init__(self, show: Show, progress: Progress, stream: TextIO | None = None) -> None:
        self.progress = progress
        self._stream = stream or sys.stderr
        self._tell = show if callable(show) else self._draw if show and self._stream.isatty() else None
        self._told = float("-inf")
        self._length = 0

    def __enter__(self) -> "Meter":
        self._say()
        return self

    def __exit__(self, *exc: object) -> None:
        self._say()
        if self._tell == self._draw:
            self._stream.write("\n")
            self._stream.flush()

    def add(self, amount: float) -> None:
        self.set(self.progress.done + amount)

    def set(self, done: float, *, total: float | None = None, note: str | None = None) -> None:
        self.progress.done = done
        if total is not None:
            self.progress.total = total
        if note is not None:
            self.progress.note = note
        if time.monotonic() - self._told >= 0.1:
            self._say()

    def _say(self) -> None:
        if self._tell is not None:
            self._told = time.monotonic()
            self._tell(self.progress)

    def _draw(self, progress: Progress) -> None:
        line = str(progress)
        # Blanks over what an earlier, longer line left.
        self._stream.write("\r" + line.ljust(self._length))
        self._stream.flush()
        self._length = len(line)


def _amount(value: float, unit: str) -> str:
    if unit != "B":
        return f"{value:,.0f} {unit}".rstrip()
    for limit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.1f} {name}"
    return f"{value:.0f} B"
