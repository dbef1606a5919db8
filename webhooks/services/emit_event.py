"""The outbox: an event becomes rows in the transaction of the change that it tells of."""

import json
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils.timezone import now

from accounts.models import Organisation
from webhooks.enqueue import hint_delivery

# One index probe where nobody wants it, and one statement however many do.
_EMIT = """
INSERT INTO webhooks_webhookdelivery
    (webhook_id, event, kind, payload, attempts, next_attempt_at, last_error, created_at)
SELECT w.id, %(event)s, %(kind)s, %(payload)s::jsonb, 0, statement_timestamp(), '', statement_timestamp()
FROM webhooks_webhook w
WHERE w.organisation_id = %(organisation)s AND w.is_active AND %(kind)s = ANY(w.events)
    AND (w.project_id IS NULL OR w.project_id = %(project)s)
"""


def emit_event(*, organisation_id: int, kind: str, payload: dict[str, Any], project_id: int | None = None) -> int:
    """Tell every webhook that wants it; how many do. Call it in the transaction of the change.

    Args:
        payload: the `data` of the body: ids, states and figures, no texts of people or models.
        project_id: webhooks narrowed to another project are not told.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An event is emitted in the transaction of the change that it tells of.")
    values = {"organisation": organisation_id, "project": project_id, **new_event(kind, payload, project_id)}
    with connection.cursor() as cursor:
        cursor.execute(_EMIT, values)
        told: int = cursor.rowcount
    if told:
        hint_delivery()
    return told


def is_wanted(organisation: Organisation, kind: str) -> bool:
    """Whether any webhook wants such events, without a query: known as of when the organisation was read.

    For paths where one statement too many counts, with an organisation that this request has read.
    """
    return kind in organisation.webhook_events


def new_event(kind: str, payload: dict[str, Any], project_id: int | None) -> dict[str, Any]:
    """An event with an id of its own; `payload` is its whole body as text."""
    event = uuid4()
    body = {
        "id": str(event), "kind": kind, "created_at": now().isoformat(), "project": project_id, "data": payload,
    }  # fmt: skip
    return {"event": event, "kind": kind, "payload": json.dumps(body, ensure_ascii=False)}
