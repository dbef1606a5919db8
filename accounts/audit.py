"""The audit trail: one function, called in the transaction of the change it tells of."""

from typing import Any

from django.db import models

from accounts.models import AuditEvent, Membership, Organisation


def record_event(
    verb: str,
    *,
    by: Membership | None,
    subject: models.Model | None = None,
    organisation: Organisation | None = None,
    **detail: Any,
) -> AuditEvent:
    """Append one event. `by` is None for what Accord did by itself; then name the organisation."""
    owner = organisation or (by.organisation if by else None)
    if owner is None:
        raise ValueError("An audit event belongs to an organisation: give `by` or `organisation`.")
    return AuditEvent.objects.create(
        organisation=owner,
        actor=by.user if by else None,
        verb=verb,
        object_type=subject._meta.model_name or "" if subject is not None else "",
        object_id=str(subject.pk) if subject is not None else "",
        detail=detail,
    )
