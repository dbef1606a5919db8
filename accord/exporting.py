"""Downloads: into a file beside the wanted one, which takes its name when it is whole."""

import time
from collections.abc import Mapping
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


def export_file(
    http: Http, project: Project | int, path: Path, format: str, *, progress: Show, filters: Mapping[str, Any]
) -> Path:
    """See Client.export_file."""
    part = path.with_name(path.name + ".part")
    address = f"/api/v1/projects/{id_of(project)}/export"
    params = {name: value for name, value in {"format": format, **filters}.items() if value is not None}
    with Meter(progress, Progress(f"Exporting {path.name}", "B")) as meter, part.open("wb") as file:
        download = Download(http, address, params, file, meter)
        pauses = http.pauses()
        while True:
            had = file.tell()
            try:
                download.go_on()
                break
            except AccordError as problem:
                # Patience starts anew with everything that arrives.
                pauses = http.pauses() if file.tell() > had else pauses
                pause = next(pauses)
                if pause is None or not (problem.code == "unreachable" or problem.status in AWAY):
                    raise
            meter.set(file.tell(), note="the connection broke; trying again")
            time.sleep(pause)
    part.replace(path)
    return path


class Download:
    """One export, in as many requests as it takes.

    It goes on from where it broke off when the server has said that it can (`Accept-Ranges` with an `ETag`) and the
    export is still the same; otherwise it starts again.
    """

    def __init__(self, http: Http, address: str, params: dict[str, Any], file: IO[bytes], meter: Meter) -> None:
        self._http, self._address, self._params, self._file, self._meter = http, address, params, file, meter
        self._mark = ""

    def go_on(self) -> None:
        """Raises: AccordError: it broke off; what has arrived is in the file."""
        have = self._file.tell()
        # Not packed on the way: the places to go on from are counted in the bytes of the file.
        headers = {"Accept-Encoding": "identity"}
        if have and self._mark:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._mark}
        with self._http.stream(
            "GET", self._address, params=self._params, headers=headers, timeout=httpx.Timeout(READ_SECONDS, connect=10)
        ) as answer:
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                self._file.seek(0)
                self._file.truncate()
            can_go_on = answer.headers.get("Accept-Ranges") == "bytes"
            self._mark = answer.headers.get("ETag", "") if can_go_on else ""
            if length := answer.headers.get("Content-Length"):
                self._meter.set(self._file.tell(), total=self._file.tell() + int(length), note="")
            for chunk in answer.iter_bytes():
                self._file.write(chunk)
                self._meter.set(self._file.tell(), note="")
            self._file.flush()
