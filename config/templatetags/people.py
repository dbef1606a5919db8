"""Figures and times as people say them: `{% load people %}`."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now

register = template.Library()

NO_FIGURE = "–"


@register.filter
def count(value: float | None) -> str:
    """940, 1.2 k, 3.4 M: three figures at most, so that the eye compares sizes."""
    if value is None:
        return NO_FIGURE
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        # 999,600 would round to 1000 k: the next unit starts where rounding reaches it.
        if abs(value) >= limit * 0.9995:
            scaled = value / limit
            return f"{scaled:.1f}".removesuffix(".0") + unit if abs(scaled) < 99.95 else f"{scaled:.0f}{unit}"
    return f"{value:g}" if float(value).is_integer() else f"{value:.1f}"


@register.filter
def duration(value: float | timedelta | None) -> str:
    """Seconds as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if value is None:
        return NO_FIGURE
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, unit, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """`3 min ago`, with the exact time on hover."""
    if value is None:
        return NO_FIGURE
    seconds = (now() - value).total_seconds()
    said = duration(abs(seconds)).split(" ")
    words = (
        "just now" if abs(seconds) < 10 else f"{said[0]} {said[1]} ago" if seconds > 0 else f"in {said[0]} {said[1]}"
    )
    exact = localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(),
        f"{exact:%d %B %Y, %H:%M:%S %Z}".lstrip("0"),
        words,
    )


def _bounds(value: Any) -> tuple[Any, Any]:
    if isinstance(value, dict):
        return value.get("low"), value.get("high")
    if hasattr(value, "low"):
        return value.low, value.high
    low, high = value[-2:]
    return low, high


@register.filter
def interval(value: Any, digits: int = 2) -> str:
    """`0.47 to 0.57` of anything with low and high: an object, a dict, or a pair."""
    if value is None:
        return NO_FIGURE
    low, high = _bounds(value)
    return NO_FIGURE if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}".replace("-", "−")


@register.filter
def percent_interval(value: Any, digits: int = 0) -> str:
    """`47 to 57 %` of anything with low and high between 0 and 1."""
    if value is None:
        return NO_FIGURE
    low, high = _bounds(value)
    return NO_FIGURE if low is None else f"{low * 100:.{digits}f} to {high * 100:.{digits}f} %".replace("-", "−")


@register.filter
def percent(value: float | None, digits: int = 0) -> str:
    """A share between 0 and 1 as `12 %`."""
    return NO_FIGURE if value is None else f"{value * 100:.{digits}f} %".replace("-", "−")


@register.filter
def figure(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals and a true minus sign."""
    return NO_FIGURE if value is None else f"{value:.{digits}f}".replace("-", "−")


@register.filter
def cut_underscores(value: str) -> str:
    """`view_runs` as `view runs`."""
    return str(value).replace("_", " ")


@register.filter
def pairs(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """The pairs of a dict. `x.items` would be the value under "items" where there is such a key."""
    return list(value.items()) if isinstance(value, dict) else []
