from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.permissions import Permission, can
from webhooks.models import Webhook


def switched_off(request: HttpRequest) -> dict[str, Any]:
    """`switched_off_webhooks`: those that Accord gave up on, for whoever can do something about it."""

    def find() -> list[Webhook]:
        member = getattr(request, "member", None)
        if not member or not can(member, Permission.MANAGE_WEBHOOKS):
            return []
        return list(Webhook.objects.for_member(member).switched_off())

    return {"switched_off_webhooks": SimpleLazyObject(find)}
