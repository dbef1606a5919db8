"""Statements that PostgreSQL plans once a connection, executed by libpq's own call.

psycopg's cursors can prepare too, and take three times the processor time of this: they wait for each answer in Python.
docs/adr/0009-prepared-is-prepared.md.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg.abc import Transformer
from psycopg.adapt import PyFormat
from psycopg.adapt import Transformer as NewTransformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

Row = tuple[Any, ...]

_PARAMETER = re.compile(r"%\((\w+)\)s")
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
# Names by statement and types of its parameters. What a connection has prepared is there until it ends.
_names: WeakKeyDictionary[psycopg.Connection[Any], dict[tuple[bytes, tuple[int, ...]], bytes]] = WeakKeyDictionary()
_columns: dict[str, list[str]] = {}


def run_prepared(statement: str, values: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
    """Column names and rows, in Django's connection and its transaction. Parameters are written %(name)s.

    Raises:
        django.db.Error: of the kind that the ORM would raise.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    numbered, parameters = read_parameters(statement)
    with connection.wrap_database_errors:
        reader: Transformer = NewTransformer(connection.connection)
        result = _execute(connection.connection, reader, numbered, [values[name] for name in parameters])
        if statement not in _columns:
            _columns[statement] = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
        reader.set_pgresult(result)
        return _columns[statement], reader.load_rows(0, result.ntuples, tuple)


@cache
def read_parameters(statement: str) -> tuple[bytes, list[str]]:
    """As PostgreSQL reads it, and the parameters' names by number."""
    parameters = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", statement)
    return numbered.replace("%%", "%").encode(), parameters


def _execute(given: psycopg.Connection[Any], reader: Transformer, statement: bytes, values: Sequence[Any]) -> PGresult:
    server = given.pgconn
    if not given.autocommit and server.transaction_status == TransactionStatus.IDLE:
        _begin(given)
    parameters = reader.dump_sequence(values, [PyFormat.TEXT] * len(values))
    types = tuple(reader.types or ())
    known = _names.setdefault(given, {})
    name = known.get((statement, types))
    if name is None:
        name = f"accord_{len(known)}".encode()
        _checked(server.prepare(name, statement, types))
        known[statement, types] = name
    return _checked(server.exec_prepared(name, parameters))  # type: ignore[arg-type] # None is NULL


def _begin(given: psycopg.Connection[Any]) -> None:
    """psycopg begins a transaction with the first statement that it executes, and so do we."""
    if given.isolation_level is None and given.read_only is None and given.deferrable is None:
        _checked(given.pgconn.exec_(b"BEGIN"))
    else:
        given.execute("SELECT")  # it knows how these are written


def _checked(result: PGresult) -> PGresult:
    if result.status not in _DONE:
        raise error_from_result(result)
    return result
