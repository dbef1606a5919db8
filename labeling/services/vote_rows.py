"""Rows of fixed columns out of PostgreSQL straight into arrays: a million in a second."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import connection

from accounts.lazy_module import lazy_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = lazy_module("numpy")

# COPY in binary: a header, then the one row: how many columns (2 bytes), then each column's length (4) and value.
_HEADER_BYTES = 19
# An array in binary: dimensions, whether there are nulls, the elements' type, then size and lower bound, 4 bytes each.
_ARRAY_HEADER_BYTES = 20


def read_rows(sql: str, parameters: Mapping[str, Any], columns: Mapping[str, str]) -> "NDArray[np.void]":
    """The answer of a SELECT without nulls, in no order; `columns` are numpy's types as PostgreSQL sends them (">i8").

    As one array a column: a million rows as rows cost seconds for their handling alone.
    """
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    arrays = ", ".join(f"array_agg(c{place})" for place in range(len(columns)))
    copying = f"COPY (SELECT {arrays} FROM ({sql}) AS found({names})) TO STDOUT (FORMAT binary)"  # noqa: S608
    with connection.cursor() as cursor, cursor.cursor.copy(copying, parameters) as copy:
        data = b"".join(copy)
    place = _HEADER_BYTES + 2
    values = []
    for kind in columns.values():
        length = int.from_bytes(data[place : place + 4], "big", signed=True)
        place += 4
        element = np.dtype([("length", ">i4"), ("value", kind)])
        # Without a row there is no array: its length is -1.
        start, count = place + _ARRAY_HEADER_BYTES, max(0, length - _ARRAY_HEADER_BYTES) // element.itemsize
        values.append(np.frombuffer(data, element, count, start if count else 0)["value"])
        place += max(0, length)
    rows = np.empty(len(values[0]), np.dtype([(name, kind) for name, kind in columns.items()]))
    for name, column in zip(columns, values, strict=True):
        rows[name] = column
    return rows
