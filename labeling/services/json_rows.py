"""Rows that PostgreSQL itself writes as JSON, streamed: Python neither parses nor holds them."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

BLOCK_BYTES = 64 * 1024


def stream_json(select: str, values: Sequence[Any]) -> Iterator[bytes]:
    """Each row of a query with one JSON column, as a line without its end."""
    with connection.cursor() as cursor, cursor.cursor.copy(f"COPY ({select}) TO STDOUT", values) as copy:
        for line in copy:
            # COPY doubles backslashes. It has nothing else to escape: JSON holds no raw tabs or line ends.
            yield bytes(line).replace(b"\\\\", b"\\").rstrip(b"\n")


def in_blocks(lines: Iterator[bytes], end: bytes = b"\n", size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Join lines to blocks that are worth a write."""
    block: list[bytes] = []
    length = 0
    for line in lines:
        block += (line, end)
        length += len(line) + len(end)
        if length >= size:
            yield b"".join(block)
            block, length = [], 0
    if block:
        yield b"".join(block)
