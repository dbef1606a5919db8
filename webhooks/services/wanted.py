"""The note on the organisation that says which events any of its webhooks wants."""

from django.db import connection

from accounts.models import Organisation

_NOTE = """
UPDATE accounts_organisation SET webhook_events = (
    SELECT coalesce(array_agg(DISTINCT kind), '{}') FROM webhooks_webhook w, unnest(w.events) kind
    WHERE w.organisation_id = %(id)s AND w.is_active)
WHERE id = %(id)s
RETURNING webhook_events
"""


def lock_webhooks(organisation_id: int) -> None:
    """One change to an organisation's webhooks at a time, until the transaction ends.

    Before the change and not with the note: a statement that waits for a row would still count with the webhooks of
    before it waited.
    """
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)


def note_wanted(organisation: Organisation) -> None:
    """Write down what is wanted now; under `lock_webhooks`."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"id": organisation.pk})
        (organisation.webhook_events,) = cursor.fetchone()
