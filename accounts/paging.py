"""Keyset paging: the cost of a page does not grow with the pages before it."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows, newest first; `older` is the `before` of the next page, None on the last."""

    rows: list[M]
    older: int | None
    is_first: bool


def page_of(queryset: "models.QuerySet[M]", *, before: str | None, size: int = 50) -> Page[M]:
    """The page of rows whose id lies below `before`; what is not a number asks for the first."""
    start = int(before) if before and before.isdecimal() and len(before) < 19 else None
    rows: Any = queryset.order_by("-pk")
    if start is not None:
        rows = rows.filter(pk__lt=start)
    found = list(rows[: size + 1])
    return Page(found[:size], found[size - 1].pk if len(found) > size else None, start is None)
