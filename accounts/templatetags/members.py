from django import template

from accounts.models import Membership
from accounts.permissions import Permission, can

register = template.Library()


@register.filter
def may(member: Membership | None, permission: str) -> bool:
    """`{% if member|may:"export" %}`: whether to offer what a view would refuse."""
    return bool(member) and member is not None and can(member, Permission(permission))


@register.filter
def scope_words(scope: str) -> str:
    """What a token's scope allows; one that no longer exists allows nothing and is told as it is."""
    return Permission(scope).sentence if scope in set(Permission) else scope


@register.simple_tag
def memberships_of(member: Membership | None) -> list[Membership]:
    """Every organisation the person may act for, for the switch in the head of the page."""
    if not member:
        return []
    mine = Membership.objects.filter(user_id=member.user_id, is_active=True)
    return list(mine.select_related("organisation").order_by("organisation__name"))
