"""Taking what is due: of several senders each gets other rows, and what a dead sender held comes back."""

from django.db import connection

from webhooks.models import WebhookDelivery

# Longer than a sender can live with what it claimed (see tasks.py): then it is taken for lost.
CLAIM_SECONDS = 120
# So many for one address at a time; one alone while it fails, to find out whether it is back.
SERIES = 50

# MATERIALIZED: joined directly, the rows would be picked, and locked, once more for each that is updated.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT picked.id FROM webhooks_webhook w CROSS JOIN LATERAL (
        SELECT d.id FROM webhooks_webhookdelivery d
        WHERE d.webhook_id = w.id AND d.delivered_at IS NULL AND d.dead_at IS NULL
            AND d.next_attempt_at <= statement_timestamp()
        ORDER BY d.next_attempt_at LIMIT CASE WHEN w.failure_streak > 0 THEN 1 ELSE %(series)s END
        FOR UPDATE SKIP LOCKED) picked
    WHERE w.is_active AND (w.resume_at IS NULL OR w.resume_at <= statement_timestamp())
)
UPDATE webhooks_webhookdelivery d SET attempts = d.attempts + 1,
    next_attempt_at = statement_timestamp() + make_interval(secs => %(claim)s)
FROM due WHERE d.id = due.id
RETURNING d.id
"""


def claim_deliveries() -> list[WebhookDelivery]:
    """What is due now, oldest first, marked as being sent."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"series": SERIES, "claim": CLAIM_SECONDS})
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    return list(WebhookDelivery.objects.filter(pk__in=ids).select_related("webhook__organisation").order_by("pk"))
