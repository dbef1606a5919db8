"""What an export selects, out of PostgreSQL by COPY: blocks of whole lines, Python neither parses nor holds them.

They come over several connections at once, of the same snapshot, each with a server process of its own.
With two, each takes every second block, so that reading them in turn gives the order; whoever is ahead waits to be
read, with no more in hand than a socket's buffer.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from labeling.exporting.lines import Lines, in_blocks, measure, one_by_one

BLOCK_BYTES = 64 * 1024
# So many judgements make a block: more of them make PostgreSQL copy more and the row of the answer no cheaper.
ROWS = 16
# Fewer are sent before another connection is made.
MANY = 10_000

# Row by row along the index that gives the order: the first block comes at once and nothing is spilled, where a hash
# join would carry every text through memory or disk and sort it after that.
_WALK = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0
"""


def copy_lines(parts: Sequence[Lines], values: Mapping[str, Any], *, walk: bool = True) -> Iterator[bytes]:
    """Lines in the order of their judgements: the quickest way for as many as there are.

    Args:
        parts: one for each kind.
        values: the parameters; `project` and `after` among them.
        walk: every join is by a key; False where one is with something that was added up.
    """
    return _copy_blocks(parts, values) if walk else copy_rows(one_by_one(parts), values, walk=False)


def copy_rows(select: str, values: Mapping[str, Any], *, walk: bool = True) -> Iterator[bytes]:
    """The one column of a query, lines with their ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        if walk:
            cursor.execute(_WALK)
        with _copy(connection, select, values) as lines:
            yield from _gathered(line for line in lines if line)


def _copy_blocks(parts: Sequence[Lines], values: Mapping[str, Any]) -> Iterator[bytes]:
    # Others see nothing of what a transaction around this has done.
    most = 1 if connection.in_atomic_block else settings.EXPORT_CONNECTIONS
    with transaction.atomic(), ExitStack() as stack:
        cursor = stack.enter_context(connection.cursor())
        if most > 1:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_WALK)
        cursor.execute(measure(parts), {**values, "rows": ROWS, "many": MANY})
        longest, are_many = cursor.fetchone()
        several = [connection, *_beside(cursor, stack, most - 1 if are_many else 0)]
        rows = max(1, min(ROWS, BLOCK_BYTES // (longest or 1)))
        every = {**values, "rows": rows, "parts": len(several)}
        streams = [
            stack.enter_context(_copy(one, in_blocks(parts), {**every, "part": number}))
            for number, one in enumerate(several)
        ]
        blocks = itertools.chain.from_iterable(itertools.zip_longest(*streams))
        yield from _gathered(block for block in blocks if block)


def _beside(cursor: Any, stack: ExitStack, count: int) -> Iterator[BaseDatabaseWrapper]:
    """Further connections that see what this one sees, as many as can be had; they end with the stack."""
    if not count:
        return
    cursor.execute("SELECT pg_export_snapshot()")
    (snapshot,) = cursor.fetchone()
    for _ in range(count):
        other = stack.enter_context(closing(connection.copy()))
        try:
            other.ensure_connection()
        except OperationalError:
            # The server has no place left for another one: it goes without.
            return
        with other.cursor() as begin:
            begin.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            begin.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
            begin.execute(_WALK)
        yield other


@contextmanager
def _copy(one: BaseDatabaseWrapper, select: str, values: Mapping[str, Any]) -> Iterator[Iterator[bytes | None]]:
    # As text, COPY would escape, and somebody undo it, every line end and backslash.
    statement = f"COPY ({select}) TO STDOUT (FORMAT binary)"
    with one.cursor() as cursor, cursor.cursor.copy(statement, values) as copy:
        copy.set_types(["bytea"])
        yield (cell for (cell,) in copy.rows())


def _gathered(pieces: Iterator[bytes | memoryview] | Any) -> Iterator[bytes]:
    """Pieces put together to blocks that are worth a write."""
    block: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)
