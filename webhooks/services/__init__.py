"""What webhooks do: every change of their rows goes through one of these."""

from webhooks.services.change_webhook import change_webhook, rotate_secret
from webhooks.services.claim_deliveries import claim_deliveries
from webhooks.services.create_webhook import create_webhook
from webhooks.services.delete_webhook import delete_webhook
from webhooks.services.deliver_due import deliver_due
from webhooks.services.emit_event import emit_event, is_wanted
from webhooks.services.forget_delivered import forget_delivered
from webhooks.services.send_again import send_again, send_all_again
from webhooks.services.send_test import send_test
from webhooks.services.settle_delivery import settle_delivery

__all__ = [
    "change_webhook",
    "claim_deliveries",
    "create_webhook",
    "delete_webhook",
    "deliver_due",
    "emit_event",
    "forget_delivered",
    "is_wanted",
    "rotate_secret",
    "send_again",
    "send_all_again",
    "send_test",
    "settle_delivery",
]
