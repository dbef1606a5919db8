"""Rows into tables by COPY, put together as text here or packed elsewhere.

An adapter that looks at the type of each value costs more than all the rest: the values' types are known.
"""

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

_BLOCK_ROWS = 500
_SEND_BYTES = 1024 * 1024
_MAY_CHECK_IN_BULK = """
SELECT coalesce(has_parameter_privilege('session_replication_role', 'SET'), false)
   AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY(%s::regclass[]) AND NOT tgisinternal)
"""


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows as COPY wants them."""

    statement: str
    blocks: list[bytes]


def table_rows(table: str, columns: str, rows: Iterable[str]) -> TableRows:
    """The rows: one text each, cells between tabs, without a line end."""
    return TableRows(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN", list(_blocks(rows)))


class Sender:
    """Sends rows from a thread of its own, while whoever made them makes the next ones.

    Meanwhile nobody else may use the connection: `wait` first.
    """

    def __init__(self, tables: Sequence[str]) -> None:
        self._tables = tables
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="import-copy")
        self._sending: Future[None] | None = None
        self._unchecked = ExitStack()

    def start(self, rows: Sequence[TableRows]) -> None:
        """Append the rows in the order of their tables; what was started before must be over."""
        if any(each.blocks for each in rows):
            self._unchecked.enter_context(references_checked_by_caller(self._tables))
            _widen(connection.connection)
            self._sending = self._pool.submit(send_rows, connection.connection, rows)

    def wait(self) -> None:
        """Until they are there.

        Raises:
            DatabaseError: they could not be appended; the transaction is lost.
        """
        sending, self._sending = self._sending, None
        if sending:
            with connection.wrap_database_errors:
                sending.result()
            self._unchecked.close()

    def close(self) -> None:
        """Leave the connection to others, whatever became of the rows."""
        self._pool.shutdown()


def _widen(raw: Any) -> None:
    """Let more wait in a local socket: PostgreSQL works on it while whoever sends waits for Python's lock."""
    with socket.socket(fileno=os.dup(raw.pgconn.socket)) as same:
        if same.family == socket.AF_UNIX:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)


def send_rows(raw: Any, rows: Sequence[TableRows]) -> None:
    """Append the rows over psycopg's own connection, in the order of their tables."""
    # Django's connection belongs to the thread that opened it; psycopg's does not.
    for each in rows:
        if each.blocks:
            with raw.cursor() as cursor, cursor.copy(each.statement) as copy:
                for block in each.blocks:
                    copy.write(block)


def cell(text: str) -> str:
    """A text as a cell of COPY."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


@contextmanager
def references_checked_by_caller(tables: Sequence[str]) -> Iterator[None]:
    """No foreign key of these tables is looked up row by row inside the block.

    Half of what an import costs PostgreSQL is one query and one row lock for every reference of every row. The caller
    may go without them if each row that is referred to was either added in this very transaction, or is locked FOR KEY
    SHARE by it: that is what the lookups would make sure of. Every other constraint is checked as ever.

    Only where it is allowed, and where these tables have no triggers of other kinds, which would be silent too; else
    nothing is different inside the block. The embedded server allows it. On another one,
    `GRANT SET ON PARAMETER session_replication_role TO <user>` does.
    """
    with connection.cursor() as cursor:
        # Before PostgreSQL 15 nobody could be allowed it, nor asked whether they are.
        if connection.pg_version >= 150000:  # type: ignore[attr-defined]
            cursor.execute(_MAY_CHECK_IN_BULK, [list(tables)])
            (may,) = cursor.fetchone()
        else:
            may = False
        if not may:
            yield
            return
        cursor.execute("SET LOCAL session_replication_role = replica")
        # No way back is needed when the block fails: the transaction takes the setting with it.
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def _blocks(rows: Iterable[str]) -> Iterator[bytes]:
    block: list[str] = []
    for row in rows:
        block.append(row)
        if len(block) == _BLOCK_ROWS:
            yield ("\n".join(block) + "\n").encode()
            block = []
    if block:
        yield ("\n".join(block) + "\n").encode()
