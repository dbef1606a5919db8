"""`{{ text|markdown }}`: what people and models wrote, as safe HTML (`{% load markdown %}`)."""

from django import template
from django.utils.safestring import SafeString

from config.safe_text import make_visible, render

register = template.Library()


@register.filter(is_safe=True)
def markdown(text: str | None) -> SafeString:
    """Markdown as HTML in a `.prose` block: no raw HTML, no images, no scripts, links that tell nobody where from."""
    return render(text or "")


@register.filter
def visible(text: str | None) -> str:
    """A text as it is, but nothing in it is hidden or turned around: for excerpts, reasons and notes."""
    return make_visible(text or "")
