"""Keyset paging of answers, whose ids are random: by time, then id."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from serving.models import ServedResponse


@dataclass(frozen=True)
class ServedPage:
    """Rows, newest first; `older` is the `before` of the next page, None on the last."""

    rows: list[ServedResponse]
    older: str | None
    is_first: bool


def page_of_served(queryset: Any, *, before: str | None, size: int = 30) -> ServedPage:
    """The page of answers older than `before`; what cannot be read asks for the first."""
    start = _read(before or "")
    rows = queryset.order_by("-created_at", "-id")
    if start is not None:
        moment, pk = start
        # The first condition lets the index start in the right place; the second parts answers of one instant.
        rows = rows.filter(created_at__lte=moment).filter(Q(created_at__lt=moment) | Q(pk__lt=pk))
    found = list(rows[: size + 1])
    older = f"{found[size - 1].created_at:%Y%m%dT%H%M%S.%f}-{found[size - 1].pk.hex}" if len(found) > size else None
    return ServedPage(found[:size], older, start is None)


def _read(text: str) -> tuple[datetime, uuid.UUID] | None:
    moment, _, pk = text.partition("-")
    try:
        return datetime.strptime(f"{moment}+0000", "%Y%m%dT%H%M%S.%f%z"), uuid.UUID(pk)
    except ValueError:
        return None
