"""Charts drawn on the server as inline SVG, each with its figures as a table: `{% load charts %}`."""

from typing import Any

from django import template

from config.charts.layout import lay_out

register = template.Library()


@register.inclusion_tag("components/line_chart.html")
def line_chart(series: list[dict[str, Any]], title: str, x_label: str, y_label: str) -> dict[str, Any]:
    """Lines over numbers or times; `title` says what the chart shows, the labels hold the units.

    Args:
        series: `[{"name": str, "points": [(x, y) or (x, y, low, high), …]}, …]`, points in the order of x. A y of
            None is a gap. With low and high the line gets a band.
    """
    return {"chart": lay_out(series), "title": title, "x_label": x_label, "y_label": y_label}


@register.inclusion_tag("components/bar.html")
def bar(done: float, total: float, label: str = "") -> dict[str, Any]:
    """A progress bar with its figures: `12 of 40 items`. Without a total it says only what is done."""
    return {"done": min(done, total) if total else done, "total": total, "label": label}
