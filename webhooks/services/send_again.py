"""Dead letters, sent again."""

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from webhooks.enqueue import hint_delivery
from webhooks.errors import NotDead
from webhooks.models import Webhook, WebhookDelivery


@transaction.atomic
def send_again(*, delivery: WebhookDelivery, by: Membership) -> None:
    """Start over with a dead letter; its event keeps its id.

    Raises:
        NotPermitted: the member may not change webhooks.
        NotDead: it was delivered, or its attempts are not over.
    """
    if not _revive(delivery.webhook, by, delivery_id=delivery.pk):
        raise NotDead("This event is no dead letter any more. Reload the page to see where it stands.")


@transaction.atomic
def send_all_again(*, webhook: Webhook, by: Membership) -> int:
    """Start over with all dead letters of the webhook; how many there were.

    Raises:
        NotPermitted
    """
    return _revive(webhook, by)


def _revive(webhook: Webhook, by: Membership, delivery_id: int | None = None) -> int:
    check_can(by, Permission.MANAGE_WEBHOOKS)
    dead = WebhookDelivery.objects.dead().filter(webhook=webhook)
    if delivery_id is not None:
        dead = dead.filter(pk=delivery_id)
    revived: int = dead.update(dead_at=None, attempts=0, next_attempt_at=now())
    if revived:
        Webhook.objects.filter(pk=webhook.pk).update(resume_at=None)
        record_event("webhook events sent again", by=by, subject=webhook, name=webhook.name, events=revived)
        hint_delivery()
    return revived
