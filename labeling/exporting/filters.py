"""Which judgements an export takes, and how much it tells of who made them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from accounts.errors import Invalid
from labeling.kinds import NAMES


@dataclass(frozen=True)
class ExportFilter:
    """All of them together; what is None or empty leaves nothing out."""

    kind: str = ""
    since: datetime | None = None  # made at this moment or later
    until: datetime | None = None  # made before it
    annotators: Sequence[str] = ()  # pseudonyms, as an export has them
    # The share of equal pairs among the counted judgements of the item; without two of them it has none.
    min_agreement: float | None = None
    after: int = 0  # an id: later judgements alone
    # Leaves out who, why in their own words, how fast, and the time of day.
    anonymous: bool = False

    def told(self) -> dict[str, Any]:
        """What the audit trail says of it."""
        said = {name: getattr(self, name) for name in ("kind", "annotators", "min_agreement", "after", "anonymous")}
        moments = {name: moment.isoformat() for name in ("since", "until") if (moment := getattr(self, name))}
        return {name: value for name, value in (said | moments).items() if value not in ("", (), [], None, 0, False)}


def read_filter(query: Mapping[str, Any], annotators: Sequence[str]) -> ExportFilter:
    """From an address's query.

    Raises:
        Invalid: `fields` says which, and what to write.
    """
    fields: dict[str, str] = {}
    kind = str(query.get("kind", ""))
    if kind and kind not in NAMES:
        fields["kind"] = f"Use one of {', '.join(NAMES)}."
    found = ExportFilter(
        kind=kind,
        since=_moment(query, "since", fields),
        until=_moment(query, "until", fields),
        annotators=tuple(name for name in annotators if name),
        min_agreement=_number(query, "min_agreement", 0, 1, fields),
        after=int(_number(query, "after", 0, 2**63 - 1, fields) or 0),
        anonymous=_flag(query, "anonymous", fields),
    )
    if fields:
        told = " ".join(f"{name}: {why}" for name, why in fields.items())
        raise Invalid(f"The export cannot be filtered like this. {told}", fields=fields)
    return found


def _moment(query: Mapping[str, Any], name: str, fields: dict[str, str]) -> datetime | None:
    text = str(query.get(name, "")).strip()
    if "T" in text:
        # A + that stands in an address for itself arrives as a blank.
        text = text.replace(" ", "+")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if day:
        moment = datetime.combine(day, time(), UTC)
    if moment is None:
        fields[name] = "Write a day (2026-11-21) or a moment (2026-11-21T14:00:00Z)."
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(query: Mapping[str, Any], name: str, low: int, high: int, fields: dict[str, str]) -> float | None:
    text = str(query.get(name, "")).strip()
    if not text:
        return None
    try:
        number = int(text) if text.isdecimal() else float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high or (name == "after" and not isinstance(number, int)):
        fields[name] = "Write the id of a judgement." if name == "after" else f"Write a number from {low} to {high}."
        return None
    return number


def _flag(query: Mapping[str, Any], name: str, fields: dict[str, str]) -> bool:
    text = str(query.get(name, "")).strip().lower()
    if text not in ("", "0", "false", "1", "true", "on"):
        fields[name] = "Write true or false."
    return text in ("1", "true", "on")
