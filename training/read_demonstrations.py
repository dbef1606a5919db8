"""Demonstrations as a file of JSON lines."""

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from labeling.importing.lines import bounded_lines
from training.errors import BadRunConfig

# They are kept with the run, and read into memory when it starts.
MAX_ROWS = 100_000


def read_demonstrations(chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    """The rows of the file; what a row must hold is looked at where the run is made.

    Raises:
        BadRunConfig: with the number of the line that cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(bounded_lines(chunks), 1):
        if not line.strip():
            continue
        rows.append(_read(line, number))
        if len(rows) > MAX_ROWS:
            raise _refused(f"The file holds more than {MAX_ROWS:,} demonstrations. Take fewer.")
    if not rows:
        raise _refused("The file holds no line. Write one JSON object a line, with a prompt and a response.")
    return rows


def _read(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > settings.IMPORT_MAX_LINE_BYTES:
        raise _refused(f"Line {number} is longer than {settings.IMPORT_MAX_LINE_BYTES:,} bytes. Shorten it.")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise _refused(
            f'Line {number} is not a JSON object in UTF-8. Write {{"prompt": "…", "response": "…"}} on one line.'
        )
    return row


def _refused(sentence: str) -> BadRunConfig:
    return BadRunConfig(sentence, fields={"demonstrations": sentence})
