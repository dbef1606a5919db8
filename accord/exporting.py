"""Downloads: into a file beside the wanted one, which takes its name when it is whole."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import IO, Any

import httpx

from accord.errors import AccordError
from accord.http import AWAY, Http
from accord.progress import Meter, Progress, Show
from accord.projects import id_of
from accord.records import Project

# The database may think for a while before the first row.
READ_SECONDS = 600.0
# One line a row, in the order of judgements, each with its id: what is missing can be asked for.
_LINES = frozenset({"jsonl", "preference", "kto", "sft"})
_BLOCK_BYTES = 256 * 1024


def export_file(
    http: Http, project: Project | int, path: Path, format: str, *, progress: Show, filters: Mapping[str, Any]
) -> Path:
    """See Client.export_file."""
    part = path.with_name(path.name + ".part")
    address = f"/api/v1/projects/{id_of(project)}/export"
    asked = {name: _text(value) for name, value in {"format": format, **filters}.items() if value is not None}
    with Meter(progress, Progress(f"Exporting {path.name}", "B")) as meter, part.open("w+b") as file:
        pauses, params = http.pauses(), asked
        while True:
            had = file.tell()
            try:
                _fetch(http, address, params, file, meter)
                break
            except AccordError as problem:
                if not (problem.code == "unreachable" or problem.status in AWAY):
                    raise
                if file.tell() > had:
                    after = _cut_to_whole_judgements(file) if format in _LINES else None
                    params = asked if after is None else {**asked, "after": after}
                    if after is None:
                        file.seek(0)
                        file.truncate()
                # Patience starts anew with everything that arrives, and that need not come again.
                pauses = http.pauses() if file.tell() > had else pauses
                pause = next(pauses)
                if pause is None:
                    raise
            meter.set(file.tell(), note="the connection broke; trying again")
            time.sleep(pause)
    part.replace(path)
    return path


def _fetch(http: Http, address: str, params: dict[str, Any], file: IO[bytes], meter: Meter) -> None:
    timeout = httpx.Timeout(READ_SECONDS, connect=10)
    with http.stream("GET", address, params=params, timeout=timeout) as answer:
        for chunk in answer.iter_bytes():
            file.write(chunk)
            meter.set(file.tell(), note="")


def _cut_to_whole_judgements(file: IO[bytes]) -> int | None:
    """Cut off what may be incomplete; the id of the last judgement that stays, None when there is none.

    A judgement may have several rows, so that all rows of the last one that is seen go.
    """
    last = None
    for end, line in _lines_from_the_end(file):
        judgement_id = int(json.loads(line)["judgement_id"])
        if last is not None and judgement_id != last:
            file.truncate(end)
            file.seek(end)
            return judgement_id
        last = judgement_id
    return None


def _lines_from_the_end(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The whole lines, last one first, each with where it ends; what follows the last line's end is no line."""
    start, tail, end = file.seek(0, os.SEEK_END), b"", None
    while start > 0:
        size = min(_BLOCK_BYTES, start)
        start -= size
        file.seek(start)
        tail = file.read(size) + tail
        while (at := tail.rfind(b"\n")) >= 0:
            if end is not None:
                yield end, tail[at + 1 :]
            end, tail = start + at + 1, tail[:at]
    if end is not None:
        yield end, tail


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
