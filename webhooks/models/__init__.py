from webhooks.models.delivery import STATES, WebhookDelivery
from webhooks.models.webhook import Webhook

__all__ = ["STATES", "Webhook", "WebhookDelivery"]
