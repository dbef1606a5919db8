"""Trying a webhook out."""

import json

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from webhooks.enqueue import hint_delivery
from webhooks.errors import WebhookIsOff
from webhooks.kinds import TEST
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services.emit_event import new_event


@transaction.atomic
def send_test(*, webhook: Webhook, by: Membership) -> WebhookDelivery:
    """Queue an event of kind `test` for this webhook alone.

    Raises:
        NotPermitted: the member may not change webhooks.
        WebhookIsOff: nothing would be sent.
    """
    check_can(by, Permission.MANAGE_WEBHOOKS)
    if not webhook.is_active:
        raise WebhookIsOff(f"{webhook.name} is switched off. Switch it on, then send the test.")
    event = new_event(TEST, {"message": "It works.", "webhook": webhook.pk}, webhook.project_id)
    moment = now()
    delivery: WebhookDelivery = WebhookDelivery.objects.create(
        webhook=webhook, event=event["event"], kind=TEST, payload=json.loads(event["payload"]),
        next_attempt_at=moment, created_at=moment,
    )  # fmt: skip
    # A person waits for it: an address that failed a minute ago is tried now.
    Webhook.objects.filter(pk=webhook.pk).update(resume_at=None)
    hint_delivery()
    return delivery
