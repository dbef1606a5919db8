"""What came of an attempt: delivered, to be tried again, or given up; and what that says of the address."""

import random
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from accounts.audit import record_event
from webhooks.models import Webhook, WebhookDelivery
from webhooks.outcome import Outcome
from webhooks.services.wanted import lock_webhooks, note_wanted

# Pauses of 10 s, 30 s, 90 s and so on up to 6 h: ten attempts within about fifteen hours.
MAX_ATTEMPTS = 10
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10, 6 * 3600
# An address that fails is left alone for at most so long, whatever waits for it.
LONGEST_REST_SECONDS = 600
# Nothing arrived for so long, and not for want of trying: it is switched off.
GIVE_UP_AFTER = timedelta(hours=24)
GIVE_UP_FAILURES = 10
GONE = 410


def pause_seconds(failures: int, longest: float) -> float:
    """Three times as long after each failure, a fifth more or less, so that many do not come back at once."""
    # Bounded before the power: thousands of failures would overflow.
    grown = FIRST_PAUSE_SECONDS * 3.0 ** min(failures - 1, 10)
    return min(grown, longest) * random.uniform(0.8, 1.2)


def settle_delivery(outcome: Outcome) -> None:
    """Write down what came of it, unless the delivery was claimed by another sender meanwhile."""
    if _write_down(outcome) and outcome.error:
        # In a transaction of its own: whoever changes a webhook locks in the other order.
        _give_up(outcome)


@transaction.atomic
def _write_down(outcome: Outcome) -> bool:
    delivery, moment = outcome.delivery, now()
    mine = WebhookDelivery.objects.pending().filter(pk=delivery.pk, attempts=delivery.attempts)
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    if not outcome.tried:
        return bool(mine.update(attempts=F("attempts") - 1, next_attempt_at=moment))
    said = {"last_status": outcome.status, "last_error": outcome.error[:300]}
    if outcome.succeeded:
        if not mine.update(delivered_at=moment, **said):
            return False
        webhook.filter(failure_streak__gt=0).update(failure_streak=0, failing_since=None, resume_at=None)
        return True
    if delivery.attempts >= MAX_ATTEMPTS or outcome.status == GONE:
        changed = mine.update(dead_at=moment, **said)
    else:
        changed = mine.update(next_attempt_at=moment + _pause(delivery.attempts, LONGEST_PAUSE_SECONDS), **said)
    if not changed:
        return False
    rest = _pause(delivery.webhook.failure_streak + 1, LONGEST_REST_SECONDS)
    webhook.update(
        failure_streak=F("failure_streak") + 1, failing_since=Coalesce(F("failing_since"), moment),
        resume_at=moment + rest,
    )  # fmt: skip
    return True


def _pause(failures: int, longest: float) -> timedelta:
    return timedelta(seconds=pause_seconds(failures, longest))


def _give_up(outcome: Outcome) -> None:
    webhook: Webhook | None = Webhook.objects.filter(pk=outcome.delivery.webhook_id, is_active=True).first()
    if webhook is None or webhook.failing_since is None:
        return
    if outcome.status == GONE:
        switch_off(webhook, "It answered 410 Gone: it wants no more events.")
    elif webhook.failure_streak >= GIVE_UP_FAILURES and now() - webhook.failing_since >= GIVE_UP_AFTER:
        switch_off(webhook, f"Nothing reached it for {GIVE_UP_AFTER.days} day. The last attempt: {outcome.error}")


@transaction.atomic
def switch_off(webhook: Webhook, why: str) -> None:
    """Stop telling the address; administrators see a notice until somebody switches it on again or deletes it."""
    lock_webhooks(webhook.organisation_id)
    off = {"is_active": False, "switched_off_at": now(), "switched_off_why": why[:300]}
    if Webhook.objects.filter(pk=webhook.pk, is_active=True).update(**off):
        note_wanted(webhook.organisation)
        record_event(
            "webhook switched off", by=None, organisation=webhook.organisation, subject=webhook, name=webhook.name,
            why=why[:300],
        )  # fmt: skip
