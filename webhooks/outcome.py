from dataclasses import dataclass

from webhooks.models import WebhookDelivery


@dataclass(frozen=True)
class Outcome:
    """What an attempt brought; `status` is None when there was no answer. `tried` is False for what was not sent."""

    delivery: WebhookDelivery
    status: int | None = None
    error: str = ""
    tried: bool = True

    @property
    def succeeded(self) -> bool:
        return self.tried and not self.error
