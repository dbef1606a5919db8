"""`{{ text|markdown }}`: what people and models wrote, as safe HTML (`{% load markdown %}`)."""

from django import template
from django.utils.safestring import SafeString

from config.safe_text import render

register = template.Library()


@register.filter(is_safe=True)
def markdown(text: str | None) -> SafeString:
    """Markdown as HTML in a `.prose` block: no raw HTML, no images, no scripts, links that tell nobody where from."""
    return render(text or "")
