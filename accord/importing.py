"""Uploads, with progress."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from accord.http import Http
from accord.progress import Meter, Progress, Show
from accord.projects import id_of
from accord.records import ImportReport, Project

CHUNK_BYTES = 256 * 1024
# The server answers when all lines are stored.
ANSWER_SECONDS = 3600.0
_TYPES = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".json": "application/json"}


def import_file(
    http: Http, project: Project | int, path: str | Path, *, progress: Show = True, **options: Any
) -> ImportReport:
    """Stream a file, plain or .gz. See Client.import_file."""
    path = Path(path)
    headers = {"Content-Encoding": "gzip"} if path.suffix == ".gz" else {}
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    headers["Content-Type"] = _TYPES.get(kind.lower(), "application/x-ndjson")
    with path.open("rb") as file, Meter(progress, Progress(f"Importing {path.name}", "B")) as meter:
        return _send(http, project, file, path.stat().st_size, headers, meter, {"source": path.name, **options})


def import_rows(
    http: Http,
    project: Project | int,
    rows: Iterable[Mapping[str, Any]],
    *,
    progress: Show = True,
    **options: Any,
) -> ImportReport:
    """Rows as the API takes lines. See Client.import_rows."""
    # A file first: the server is told how much comes, and a row that breaks off in the making sends nothing.
    with tempfile.TemporaryFile() as file, Meter(progress, Progress("Importing", "B")) as meter:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        size = file.tell()
        file.seek(0)
        return _send(http, project, file, size, {"Content-Type": "application/x-ndjson"}, meter, options)


def _send(
    http: Http,
    project: Project | int,
    file: IO[bytes],
    size: int,
    headers: dict[str, str],
    meter: Meter,
    options: dict[str, Any],
) -> ImportReport:
    meter.set(0, total=size)

    def chunks() -> Iterator[bytes]:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
            meter.add(len(chunk))
        meter.set(size, note="the server is storing it")

    params = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in options.items()
        if value is not None
    }
    answer = http.call(
        "POST", f"/api/v1/projects/{id_of(project)}/import", params=params, content=chunks(),
        headers={**headers, "Content-Length": str(size)}, timeout=ANSWER_SECONDS,
    )  # fmt: skip
    return ImportReport.read(answer)
