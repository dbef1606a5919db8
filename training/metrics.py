"""What metrics.jsonl says: how far a run is, and its curves, at a cost that does not grow with the file."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

TAIL_BYTES = 64 * 1024
WHOLE_BYTES = 512 * 1024
POINTS = 300

Line = dict[str, Any]
Curves = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Progress:
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    stage: str = ""
    # None until the pace is known.
    seconds_left: float | None = None


def read_progress(directory: Path) -> Progress:
    """The newest line, and how long the rest of its stage will take at the pace of the last lines."""
    lines = _read_tail(directory / "metrics.jsonl")
    if not lines:
        return Progress()
    last = lines[-1]
    return Progress(
        step=last["step"],
        total=last["total"],
        seconds=last["seconds"],
        stage=last.get("stage") or "",
        seconds_left=_seconds_left(lines),
    )


def read_curves(directory: Path) -> Curves:
    """`{figure: [(step, value), …]}`, at most about POINTS points each; stages are told apart in the figure's name.

    A long file is read at evenly spread places only.
    """
    path = directory / "metrics.jsonl"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        lines = _read_whole(file) if path.stat().st_size <= WHOLE_BYTES else _read_spread(file, path.stat().st_size)
    curves: Curves = defaultdict(list)
    for line in lines:
        stage = line.get("stage") or ""
        for name, value in line["figures"].items():
            curves[f"{stage}: {name}" if stage else name].append((line["step"], value))
    return {name: _thin(points) for name, points in curves.items()}


def _seconds_left(lines: list[Line]) -> float | None:
    last = lines[-1]
    pace = [line for line in lines[-30:] if line.get("stage") == last.get("stage") and line["total"] == last["total"]]
    done = last["step"] - pace[0]["step"]
    if done <= 0:
        return None
    return max(0.0, (last["total"] - last["step"]) * (last["seconds"] - pace[0]["seconds"]) / done)


def _read_tail(path: Path) -> list[Line]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return _parse(file.read().split(b"\n"))


def _read_whole(file: IO[bytes]) -> list[Line]:
    return _parse(file.read().split(b"\n"))


def _read_spread(file: IO[bytes], size: int) -> list[Line]:
    found: dict[int, bytes] = {}
    for place in range(POINTS + 1):
        file.seek(max(0, place * size // POINTS - (4096 if place == POINTS else 0)))
        if place:
            file.readline()  # the rest of the line that the jump landed in
        start = file.tell()
        found[start] = file.readline()
    return _parse([found[start] for start in sorted(found)])


def _parse(texts: list[bytes]) -> list[Line]:
    lines = []
    for text in texts:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # half a line: cut off by the jump, or being written
        if isinstance(line, dict) and {"step", "total", "seconds", "figures"} <= line.keys():
            lines.append(line)
    return lines


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    stride = max(1, len(points) // POINTS)
    kept = points[::stride]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
