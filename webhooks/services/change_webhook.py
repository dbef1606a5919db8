"""Changing a webhook, and its secret."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from webhooks.models import Webhook
from webhooks.services.check_webhook import check_events, check_name, check_project, check_url
from webhooks.services.wanted import lock_webhooks, note_wanted
from webhooks.signing import make_secret

OVERLAP = timedelta(hours=24)
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": check_name, "url": check_url, "events": check_events, "project_id": check_project, "is_active": bool,
}  # fmt: skip


def change_webhook(*, webhook: Webhook, by: Membership, **changes: Any) -> Webhook:
    """Change name, url, events, project_id or is_active. Switched on, or at a new address, it starts afresh.

    What waits for it is sent then; what happened while it was off is not.

    Raises:
        NotPermitted, AddressRefused, Invalid
    """
    check_can(by, Permission.MANAGE_WEBHOOKS)
    if unknown := changes.keys() - _CHECKS.keys():
        raise Invalid(f"A webhook has no setting {', '.join(sorted(unknown))}.")
    # An address that stays is not looked up: it may be away just now.
    changes = {name: _CHECKS[name](value) for name, value in changes.items() if getattr(webhook, name) != value}
    with transaction.atomic():
        lock_webhooks(webhook.organisation_id)
        stored: Webhook = Webhook.objects.select_related("organisation").get(pk=webhook.pk)
        before = {name: getattr(stored, name) for name in changes}
        for name, value in changes.items():
            setattr(stored, name, value)
        written = set(changes)
        if "url" in changes or changes.get("is_active"):
            stored.failure_streak, stored.failing_since, stored.resume_at = 0, None, None
            written |= {"failure_streak", "failing_since", "resume_at"}
        if stored.is_active:
            stored.switched_off_at, stored.switched_off_why = None, ""
            written |= {"switched_off_at", "switched_off_why"}
        # No more than that: the sender counts failures meanwhile.
        stored.save(update_fields=written)
        note_wanted(stored.organisation)
        changed = {name: [old, getattr(stored, name)] for name, old in before.items() if old != getattr(stored, name)}
        if changed:
            record_event("webhook changed", by=by, subject=stored, name=stored.name, changed=changed)
    return stored


@transaction.atomic
def rotate_secret(*, webhook: Webhook, by: Membership) -> tuple[Webhook, str]:
    """A new secret, shown this once. The old one signs too for a day, unless it is rotated again.

    Raises:
        NotPermitted
    """
    check_can(by, Permission.MANAGE_WEBHOOKS)
    lock_webhooks(webhook.organisation_id)
    stored: Webhook = Webhook.objects.get(pk=webhook.pk)
    stored.previous_secret, stored.previous_secret_until = stored.secret, now() + OVERLAP
    stored.secret = make_secret()
    stored.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    record_event("webhook secret rotated", by=by, subject=stored, name=stored.name)
    return stored, stored.secret
