from django import template

register = template.Library()


@register.filter
def seconds(milliseconds: int) -> float:
    return milliseconds / 1000
