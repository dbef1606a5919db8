"""Old deliveries go: the outbox is no archive. So do the rows of deleted webhooks."""

from datetime import timedelta

from django.utils.timezone import now

from webhooks.models import Webhook, WebhookDelivery

KEEP = timedelta(days=30)
# No transaction that still takes a deleted webhook for a standing one is older.
SETTLED = timedelta(hours=1)
AT_ONCE = 5_000


def forget_delivered() -> int:
    """Delete some of what was delivered long ago, and of what belonged to deleted webhooks; how many deliveries.

    Dead letters stay until somebody deals with them.
    """
    deleted = Webhook.objects.filter(deleted_at__lt=now() - SETTLED)
    old = WebhookDelivery.objects.filter(delivered_at__lt=now() - KEEP).order_by("delivered_at")
    orphaned = WebhookDelivery.objects.filter(webhook__in=deleted)
    forgotten = 0
    for rows in (old, orphaned):
        count, _ = WebhookDelivery.objects.filter(pk__in=rows.values("pk")[:AT_ONCE]).delete()
        forgotten += count
    deleted.filter(deliveries=None).delete()
    return forgotten
