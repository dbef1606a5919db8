"""Removing a webhook."""

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from webhooks.models import Webhook
from webhooks.services.wanted import lock_webhooks, note_wanted


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: Membership, name: str) -> None:
    """Remove the webhook with its deliveries, also those that wait; nothing is sent any more.

    Args:
        name: the webhook's, typed by whoever deletes it.

    Raises:
        NotPermitted: the member may not change webhooks.
        Invalid: the name is another one.
    """
    check_can(by, Permission.MANAGE_WEBHOOKS)
    if name.strip() != webhook.name:
        raise Invalid(f"Type the name, {webhook.name}, to delete it.", fields={"name": f"Type {webhook.name}."})
    lock_webhooks(webhook.organisation_id)
    record_event("webhook deleted", by=by, subject=webhook, name=webhook.name, url=webhook.url)
    Webhook.objects.filter(pk=webhook.pk).update(
        deleted_at=now(), is_active=False, switched_off_at=None, secret="", previous_secret=""
    )
    note_wanted(webhook.organisation)
