"""Rows that PostgreSQL itself writes as JSON, streamed: Python neither parses nor holds them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

BLOCK_BYTES = 64 * 1024


def stream_json(select: str, values: Sequence[Any]) -> Iterator[bytes]:
    """Each row of a query with one JSON column, as a line without its end."""
    with connection.cursor() as cursor, cursor.cursor.copy(f"COPY ({select}) TO STDOUT", values) as copy:
        for line in copy:
            # COPY doubles backslashes. It has nothing else to escape: JSON holds no raw tabs or line ends.
            yield bytes(line).replace(b"\\\\", b"\\").rstrip(b"\n")


# Row by row along the index that gives the order: the first block comes at once and nothing is spilled, where a hash
# join would carry every text through memory or disk and sort it after that.
_WALK = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0
"""


def copy_json(select: str, values: Mapping[str, Any], *, walk: bool = True) -> Iterator[bytes]:
    """The rows of a query with one JSON column as blocks of lines: the quickest way for as many as there are.

    Args:
        walk: every join is by a key; False where one is with something that was added up.
    """
    for block in _copy(f"COPY ({select}) TO STDOUT", values, walk):
        yield block.replace(b"\\\\", b"\\")


def copy_csv(select: str, values: Mapping[str, Any], *, walk: bool = True) -> Iterator[bytes]:
    """A query as blocks of CSV, with a header."""
    return _copy(f"COPY ({select}) TO STDOUT (FORMAT csv, HEADER)", values, walk)


def _copy(statement: str, values: Mapping[str, Any], walk: bool) -> Iterator[bytes]:
    with transaction.atomic(), connection.cursor() as cursor:
        if walk:
            cursor.execute(_WALK)
        with cursor.cursor.copy(statement, values) as copy:
            block: list[memoryview | bytes] = []
            size = 0
            for row in copy:
                block.append(row)
                size += len(row)
                if size >= BLOCK_BYTES:
                    yield b"".join(block)
                    block, size = [], 0
            if block:
                yield b"".join(block)


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
