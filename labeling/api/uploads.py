"""The rows of an upload, whatever it holds."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, QueryDict

from accounts.errors import Invalid
from labeling.api.streams import body_chunks
from labeling.importing.formats import Sniffed, open_rows, read_rows, sniff_file, sniff_stream
from labeling.importing.parquet import MAGIC
from labeling.importing.rows import Row
from labeling.importing.tables import Columns


@contextmanager
def received_rows(request: HttpRequest, query: QueryDict) -> Iterator[Iterator[Row]]:
    """The rows as they arrive. Parquet, which is read from its end, is put on disk first.

    Raises:
        Invalid, BadContent: the format or the columns cannot be as said.
    """
    name, format = query.get("name", ""), query.get("format", "")
    chunks = body_chunks(request)
    head = b""
    while len(head) < len(MAGIC) and (chunk := next(chunks, b"")):
        head += chunk
    everything = chain([head], chunks)
    if not head.startswith(MAGIC):
        sniffed, raws = sniff_stream(everything, name=name, format=format)
        yield read_rows(raws, sniffed.format, _columns(query, sniffed))
        return
    Path(settings.IMPORTS_DIR).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="receiving-", dir=settings.IMPORTS_DIR))
    try:
        with (folder / "upload").open("wb") as file:
            for chunk in everything:
                file.write(chunk)
        sniffed = sniff_file(folder / "upload", name=name, format=format)
        yield open_rows(folder / "upload", sniffed, _columns(query, sniffed), lambda done: None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _columns(query: QueryDict, sniffed: Sniffed) -> Columns:
    """As said, and for what nothing was said of as guessed."""
    if not sniffed.names:
        return sniffed.columns
    said: dict[str, Any] = {}
    if "prompt_column" in query:
        said["prompt"] = query["prompt_column"]
    if "external_id_column" in query:
        said["external_id"] = query["external_id_column"]
    if "response_column" in query:
        responses = tuple(name for name in query.getlist("response_column") if name)
        models = query.getlist("model_column")[: len(responses)]
        padded = (*models, *[""] * (len(responses) - len(models)))
        said |= {"responses": responses, "models": padded if models else ()}
    columns = replace(sniffed.columns, **said)
    columns.check(sniffed.names)
    if not columns.responses and "response_column" not in query:
        raise Invalid(
            f"None of the columns {', '.join(sniffed.names)[:300]} is known as an answer. Name each with "
            "response_column, or send response_column= to import the prompts alone.",
            fields={"response_column": "Name the column of each answer."},
        )
    return columns
