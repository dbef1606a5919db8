"""While an item is held: the heartbeat, the draft, skipping and giving back."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_json, check_text
from labeling.errors import AlreadyJudged, BadJudgement, LeaseLost, NotAssigned
from labeling.models import Assignment
from labeling.services.eligibility import check_open
from labeling.services.slots import give_slot_back, lock_assignment, take_slot

MAX_DRAFT_CHARACTERS = 50_000
State = Assignment.State


def check_assigned(assignment: Assignment, by: Membership) -> None:
    """Refuse whoever may not judge, and anybody but the annotator.

    Raises:
        NotPermitted, NotAssigned
    """
    check_can(by, Permission.JUDGE)
    if assignment.annotator_id != by.user_id:
        raise NotAssigned("This item is assigned to another annotator. Ask for your next one.")


@transaction.atomic
def renew_lease(*, assignment: Assignment, by: Membership) -> Assignment:
    """The page is still open: hold the item for another lease. One that ran out is taken again if a slot is free.

    One that was given back or ended stays so: the page asks for its next item, and may get this one.

    Raises:
        NotAssigned: it is another annotator's.
        LeaseLost: the slot went to somebody else, the lease was ended, or the item was skipped.
        AlreadyJudged: there is nothing to hold any more.
        ProjectClosed: it ran out, and the project was paused or archived since.
    """
    check_assigned(assignment, by)
    held = lock_assignment(assignment.pk)
    _refuse_closed(held)
    if held.state == State.EXPIRED:
        check_open(is_paused=bool(held.project.paused_at), is_archived=bool(held.project.archived_at))
        # A page left open must not take back what a manager gave to somebody else, or ended before its time.
        is_for_me = held.item.reserved_for_id in (None, by.user_id)
        ran_out = held.closed_at is None or held.closed_at >= held.expires_at
        held.slot = take_slot(held.item_id) if is_for_me and ran_out else None
        if held.slot is None:
            raise LeaseLost("This item is not held for you any more, and goes to others. A judgement is still kept.")
        held.state, held.closed_at = State.LEASED, None
    held.expires_at = now() + timedelta(minutes=held.project.lease_minutes)
    held.save(update_fields=["slot", "state", "closed_at", "expires_at"])
    return held


def save_draft(*, assignment: Assignment, by: Membership, draft: dict[str, Any]) -> None:
    """Keep what was written so far, also when the lease ran out meanwhile.

    Raises:
        NotAssigned, AlreadyJudged, LeaseLost (skipped)
        BadJudgement: too long, or not storable.
    """
    check_assigned(assignment, by)
    check_json(draft, "The draft")
    if len(str(draft)) > MAX_DRAFT_CHARACTERS:
        raise BadJudgement(f"A draft can hold {MAX_DRAFT_CHARACTERS:,} characters. Shorten the text.")
    open_states = [State.LEASED, State.EXPIRED]
    if not Assignment.objects.filter(pk=assignment.pk, state__in=open_states).update(draft=draft):
        assignment.refresh_from_db(fields=["state"])
        _refuse_closed(assignment)


def skip_assignment(*, assignment: Assignment, by: Membership, reason: str = "") -> None:
    """Pass the item on to others; it does not come back to this person. Skipping twice is skipping once.

    Raises:
        NotAssigned, AlreadyJudged
    """
    check_assigned(assignment, by)
    check_text(reason, "The reason")
    with transaction.atomic():
        held = lock_assignment(assignment.pk)
        if held.state == State.JUDGED:
            raise AlreadyJudged("You have already judged this item. Undo the judgement first.")
        if held.state != State.SKIPPED:
            _let_go(held, State.SKIPPED, reason)


def release(*, assignment: Assignment, by: Membership) -> None:
    """Give a held item back before its time is over; it may come to this person again. Otherwise do nothing.

    Raises:
        NotAssigned
    """
    check_assigned(assignment, by)
    with transaction.atomic():
        held = lock_assignment(assignment.pk)
        if held.state == State.LEASED:
            _let_go(held, State.EXPIRED)


def _let_go(held: Assignment, state: str, reason: str = "") -> None:
    had_slot = held.slot is not None
    held.state, held.slot, held.closed_at, held.skip_reason = state, None, now(), reason[:200]
    held.save(update_fields=["state", "slot", "closed_at", "skip_reason"])
    if had_slot:
        give_slot_back(held.item_id)


def _refuse_closed(assignment: Assignment) -> None:
    if assignment.state == State.JUDGED:
        raise AlreadyJudged("You have already judged this item.")
    if assignment.state == State.SKIPPED:
        raise LeaseLost("You have skipped this item; it has gone to others. Ask for your next one.")
