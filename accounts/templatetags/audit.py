"""An event of the audit trail in words, with a link to what it is about: `{% load audit %}`."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import AuditEvent

register = template.Library()

# What an object is called, and the name of its page where it has one that its id alone leads to.
SUBJECTS = {
    "apitoken": ("Token", ""),
    "bulkaction": ("Change of many items", ""),
    "item": ("Item", ""),
    "membership": ("Member", ""),
    "modelversion": ("Version", "version"),
    "project": ("Project", "project"),
    "report": ("Report", ""),
    "samplingjob": ("Writing of answers", ""),
    "snapshot": ("Snapshot", ""),
    "trainingrun": ("Run", "run"),
    "user": ("Person", ""),
    "webhook": ("Webhook", "webhook"),
}
# Said as the name of what the event is about, hence not again among the details.
NAMES = ("name", "email")


@register.filter
def subject(event: AuditEvent) -> SafeString | str:
    """`Version Kitchen helper v3`, as a link to its page."""
    if not event.object_type:
        return "–"
    noun, page = SUBJECTS.get(event.object_type, (event.object_type.capitalize(), ""))
    named = next((str(event.detail[name]) for name in NAMES if event.detail.get(name)), event.object_id)
    if page and event.object_id.isdecimal() and not event.verb.endswith("deleted"):
        return format_html('{} <a href="{}">{}</a>', noun, reverse(page, args=[int(event.object_id)]), named)
    return f"{noun} {named}"


@register.filter
def details(event: AuditEvent) -> list[tuple[str, str]]:
    """What else is known of it: names in words, values as people write them, nothing that is empty."""
    known = [(name, value) for name, value in event.detail.items() if name not in NAMES]
    return [(name.replace("_", " "), _say(name, value)) for name, value in known if value not in (None, "", [], {})]


def _say(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_share") and isinstance(value, int | float):
        return f"{value * 100:.0f} %"
    if isinstance(value, list):
        return ", ".join(_say(name, each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_say(key, each)}" for key, each in value.items())
    # A code for programs in words; what people wrote themselves stays as it is.
    return (
        str(value).replace("_", " ") if name in ("scopes", "recipe", "from_stage", "to_stage", "kind") else str(value)
    )
