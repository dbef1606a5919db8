"""What the tests of webhooks do again and again."""

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import emit_event


def tell(by: Membership, *, kind: str = "judgement.created", project_id: int | None = None, **data: object) -> int:
    with transaction.atomic():
        return emit_event(
            organisation_id=by.organisation_id, kind=kind, project_id=project_id, payload=dict(data) or {"judgement": 1}
        )


def let_time_pass() -> None:
    """As if the pauses were over."""
    moment = now() - timedelta(seconds=1)
    WebhookDelivery.objects.pending().update(next_attempt_at=moment)
    Webhook.objects.filter(resume_at__isnull=False).update(resume_at=moment)
