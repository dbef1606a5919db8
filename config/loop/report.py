"""What each stage did and how long it took, told while it happens and as a table at the end."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO


@dataclass
class Row:
    stage: str
    did: str = ""
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)


class Report:
    """Rows in the order in which the stages ended."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.rows: list[Row] = []
        self.started = time.monotonic()
        self._out = out

    def say(self, line: str) -> None:
        """One line now, with the minutes since the start."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        self._out.write(f"[{minutes:2d}:{seconds:02d}] {line}\n")
        self._out.flush()

    @contextmanager
    def stage(self, name: str) -> Iterator[Row]:
        """Time a stage; it fills in `did` and `figures`."""
        row = Row(name)
        began = time.monotonic()
        self.say(f"{name} …")
        yield row
        row.seconds = time.monotonic() - began
        self.rows.append(row)
        self.say(f"{name}: {row.did}")

    def table(self) -> str:
        """Stage, seconds, what it did."""
        width = max((len(row.stage) for row in self.rows), default=5)
        lines = [f"{'stage':<{width}}  {'took':>7}  did", f"{'-' * width}  {'-' * 7}  {'-' * 60}"]
        lines += [f"{row.stage:<{width}}  {row.seconds:6.0f}s  {row.did}" for row in self.rows]
        lines.append(f"{'total':<{width}}  {time.monotonic() - self.started:6.0f}s")
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        """The same as JSON, for programs."""
        rows = [
            {"stage": row.stage, "did": row.did, "seconds": round(row.seconds, 1), **row.figures} for row in self.rows
        ]
        body = {"seconds": round(time.monotonic() - self.started, 1), "stages": rows}
        path.write_text(json.dumps(body, indent=1) + "\n")
