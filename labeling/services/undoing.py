"""Taking a judgement back: its item is leased to the person again, with what was said."""

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.errors import NotLast, TooLate
from labeling.kinds import kind_of
from labeling.kinds.flags import flags_as_said
from labeling.models import Assignment, Project
from labeling.services.judgement_events import tell_webhooks
from labeling.services.slots import lock_assignment, take_slot
from webhooks.kinds import EventKind

State = Assignment.State


@transaction.atomic
def undo_last(*, project: Project, by: Membership, expected: Assignment | None = None) -> Assignment | None:
    """Take back this person's last judgement in the project and lease its item to them again, sides as they were.

    What was said is in the draft. None when there is nothing to take back, or when the judgement was surplus and the
    item has no slot for it: then it is taken back and that is all. Called again it takes back the one before.

    Args:
        expected: the assignment that the caller takes for the last one.

    Raises:
        NotPermitted: the member may not judge.
        NotLast: another one was judged after `expected`.
        TooLate: it was given longer ago than the project allows.
    """
    check_can(by, Permission.JUDGE)
    last = (
        Assignment.objects.for_annotator(by.user)
        .filter(project=project, state=State.JUDGED)
        .order_by("-closed_at", "-pk")
    ).first()
    if last is None:
        return None
    if expected is not None and expected.pk != last.pk:
        raise NotLast("Only your last judgement can be taken back. Undo the later ones first.")
    held = lock_assignment(last.pk)
    kind = kind_of(held.item.kind)
    judgement = kind.model.objects.standing().filter(assignment=held).first()
    if held.state != State.JUDGED or judgement is None:  # another tab was faster
        return held if held.state == State.LEASED else None
    if now() - judgement.created_at > timedelta(minutes=project.undo_minutes):
        raise TooLate(f"Your last judgement is older than {project.undo_minutes} minutes: it stands.")
    judgement.retracted_at = now()
    judgement.save(update_fields=["retracted_at"])
    kind.retracted(judgement)
    tell_webhooks(EventKind.JUDGEMENT_RETRACTED, judgement, by=by)
    if held.slot is None:
        held.slot = take_slot(held.item_id)
    held.state = State.LEASED if held.slot is not None else State.EXPIRED
    held.draft = kind.said_of(judgement) | {
        "reason": judgement.reason, "flags": flags_as_said(judgement.flags, assignment=held),
        "active_ms": judgement.active_ms,
    }  # fmt: skip
    held.leased_at = held.shown_at = now()
    held.expires_at = held.leased_at + timedelta(minutes=held.project.lease_minutes)
    held.closed_at = None if held.slot is not None else held.leased_at
    held.save(update_fields=["slot", "state", "draft", "leased_at", "shown_at", "expires_at", "closed_at"])
    return held if held.slot is not None else None
