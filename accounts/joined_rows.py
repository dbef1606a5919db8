"""Rows of several tables in one prepared statement, as model instances that know each other.

For the few queries that every request or every judgement makes: composing one with the ORM takes longer than the
database takes to answer it, and PostgreSQL plans it anew each time.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from django.db import connection, models

_PARAMETER = re.compile(r"%\((\w+)\)s")


def run_prepared(statement: str, values: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a statement that this connection plans once. Its parameters are written %(name)s."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    numbered, parameters = read_parameters(statement)
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(numbered, [values[name] for name in parameters], prepare=True)
        return _names_of(statement, cursor), cursor.fetchall()


@cache
def read_parameters(statement: str) -> tuple[bytes, list[str]]:
    """As PostgreSQL reads it, and the parameters' names by number. psycopg reads a long one at each execution."""
    parameters = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", statement)
    return numbered.replace("%%", "%").encode(), parameters


# `cursor.description` makes an object a column, at each execution: longer than the rest of the query takes.
_names: dict[str, list[str]] = {}


def _names_of(statement: str, cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[str]:
    if statement not in _names:
        _names[statement] = [column.name for column in cursor.description or []]
    return _names[statement]


def instance_of(model: type[models.Model], names: Sequence[str], row: Sequence[Any]) -> Any:
    """A whole row as an instance; `names` are the columns of the model's table, in any order."""
    found = dict(zip(names, row, strict=True))
    # from_db goes by the order of the model's fields, not of the table's columns.
    fields = model._meta.concrete_fields
    values = [_value(field, found[str(field.column)]) for field in fields]
    return model.from_db(connection.alias, [field.attname for field in fields], values)


class JoinedRows:
    """A SELECT of whole rows of several tables, and of further columns.

    Args:
        tables: model by its alias in the statement.
        rest: the statement from FROM on.
        more: further columns, SQL.
    """

    def __init__(self, tables: Mapping[str, type[models.Model]], rest: str, *, more: Sequence[str] = ()) -> None:
        self._models = list(tables.values())
        self._fields = [list(model._meta.concrete_fields) for model in self._models]
        columns = [
            f"{alias}.{field.column}" for alias, fields in zip(tables, self._fields, strict=True) for field in fields
        ]
        self.statement = f"SELECT {', '.join([*columns, *more])} {rest}"  # noqa: S608 - of our own text alone

    def first(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """An instance a table and the further columns, of the first row; None when there is none."""
        _, rows = run_prepared(self.statement, values)
        return self._instances(rows[0]) if rows else None

    def _instances(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        at = 0
        for model, fields in zip(self._models, self._fields, strict=True):
            part = row[at : at + len(fields)]
            values = [_value(field, value) for field, value in zip(fields, part, strict=True)]
            found.append(model.from_db(connection.alias, [field.attname for field in fields], values))
            at += len(fields)
        return (*found, *row[at:])


def _value(field: Any, value: Any) -> Any:
    # Django has psycopg leave JSON as text, and reads it itself where it composed the query.
    return json.loads(value) if isinstance(value, str) and isinstance(field, models.JSONField) else value
