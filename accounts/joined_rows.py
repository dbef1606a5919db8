"""Rows of several tables in one prepared statement, as model instances that know each other.

For the few queries that every request or every judgement makes: composing one with the ORM takes longer than the
database takes to answer it, and PostgreSQL plans it anew each time.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

from accounts.prepared import run_prepared


class _Rows:
    """Makes instances of one model from rows of its table."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = model._meta.concrete_fields
        self._model, self._primary = model, [field.primary_key for field in fields].index(True)
        self._attributes = [field.attname for field in fields]
        self.columns = [str(field.column) for field in fields]
        # Django has psycopg leave JSON as text, and reads it itself where it composed the query.
        self._json = [n for n, field in enumerate(fields) if isinstance(field, models.JSONField)]

    def instance(self, row: Sequence[Any]) -> Any:
        """Of values in the order of the model's fields; None where a LEFT JOIN found nothing."""
        if row[self._primary] is None:
            return None
        values = list(row)
        for n in self._json:
            if isinstance(values[n], str):
                values[n] = json.loads(values[n])
        return self._model.from_db(connection.alias, self._attributes, values)


_rows_of = cache(_Rows)


def instance_of(model: type[models.Model], names: Sequence[str], row: Sequence[Any]) -> Any:
    """A whole row as an instance; `names` are the columns of the model's table, in any order."""
    rows, found = _rows_of(model), dict(zip(names, row, strict=True))
    # from_db goes by the order of the model's fields, not of the table's columns.
    return rows.instance([found[column] for column in rows.columns])


class JoinedRows:
    """A SELECT of whole rows of several tables, and of further columns.

    Args:
        tables: model by its alias in the statement.
        rest: the statement from FROM on.
        more: further columns, SQL.
    """

    def __init__(self, tables: Mapping[str, type[models.Model]], rest: str, *, more: Sequence[str] = ()) -> None:
        self._tables = [_rows_of(model) for model in tables.values()]
        columns = [
            f"{alias}.{column}" for alias, rows in zip(tables, self._tables, strict=True) for column in rows.columns
        ]
        self.statement = f"SELECT {', '.join([*columns, *more])} {rest}"  # noqa: S608 - of our own text alone

    def all(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Of each row an instance a table, None where a LEFT JOIN found nothing, and the further columns."""
        return [self._instances(row) for row in run_prepared(self.statement, values)[1]]

    def first(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The same of the first row; None when there is none."""
        _, rows = run_prepared(self.statement, values)
        return self._instances(rows[0]) if rows else None

    def _instances(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        at = 0
        for rows in self._tables:
            found.append(rows.instance(row[at : at + len(rows.columns)]))
            at += len(rows.columns)
        return (*found, *row[at:])
