from django import template

from accounts.models import Membership
from accounts.permissions import Permission, can

register = template.Library()


@register.filter
def may(member: Membership | None, permission: str) -> bool:
    """`{% if member|may:"export" %}`: whether to offer what a view would refuse."""
    return bool(member) and member is not None and can(member, Permission(permission))
