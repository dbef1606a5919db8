"""Judging: stored once, kept when late, taken back when asked."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_text
from labeling.errors import AlreadyJudged, BadJudgement, LeaseLost, NotLast
from labeling.models import Assignment, Choice, Comparison, Project
from labeling.services.holding import check_assigned
from labeling.services.slots import lock_assignment, take_slot

MAX_REASON_CHARACTERS = 20_000
MAX_FLAGS = 20
State = Assignment.State

# One statement: of two that arrive together exactly one closes the assignment, and what it stores goes with it.
_SUBMIT = """
WITH closed AS (
    UPDATE labeling_assignment SET state = 'judged', closed_at = statement_timestamp(), draft = '{}',
        slot = coalesce(slot, %(slot)s::smallint)
    WHERE id = %(assignment)s AND annotator_id = %(annotator)s AND state = %(state)s AND NOT EXISTS (
        SELECT FROM labeling_comparison WHERE annotator_id = %(annotator)s AND client_id = %(client_id)s)
    RETURNING id, project_id, item_id, shown_order
)
INSERT INTO labeling_comparison (project_id, item_id, assignment_id, annotator_id, client_id, response_a_id,
    response_b_id, choice, strength, reason, flags, active_ms, is_surplus, created_at)
SELECT c.project_id, c.item_id, c.id, %(annotator)s, %(client_id)s, a.response_id, b.response_id, %(choice)s,
    %(strength)s, %(reason)s, %(flags)s::varchar[], %(active_ms)s, %(is_surplus)s, statement_timestamp()
FROM closed c
JOIN labeling_itemresponse a ON a.item_id = c.item_id AND a.position = c.shown_order[1]
JOIN labeling_itemresponse b ON b.item_id = c.item_id AND b.position = c.shown_order[2]
ON CONFLICT (annotator_id, client_id) DO NOTHING
RETURNING *
"""


def submit_comparison(
    *,
    assignment: Assignment,
    by: Membership,
    client_id: UUID,
    choice: str,
    strength: int | None = None,
    reason: str = "",
    flags: Sequence[str] = (),
    active_ms: int | None = None,
) -> Comparison:
    """Record `by`'s preference between what was shown left (a) and right (b), and close the assignment.

    Sent twice with one `client_id` it is stored once, and the stored one is returned. After the lease ran out it is
    kept all the same: in a free slot if there is one, else as surplus.

    Raises:
        NotAssigned: the item was leased to somebody else.
        AlreadyJudged: the assignment was closed before by another judgement (a second tab).
        LeaseLost: this person had skipped the item.
        BadJudgement: the parts do not go together.
    """
    check_assigned(assignment, by)
    check_comparison(choice=choice, strength=strength, reason=reason, flags=flags, active_ms=active_ms)
    values = {
        "assignment": assignment.pk, "annotator": by.user_id, "client_id": client_id, "state": State.LEASED.value,
        "choice": str(choice), "strength": strength, "reason": reason, "flags": list(dict.fromkeys(flags)),
        "active_ms": active_ms, "is_surplus": False, "slot": None,
    }  # fmt: skip
    with transaction.atomic():
        for comparison in Comparison.objects.raw(_SUBMIT, values):
            return comparison
        return _submit_late(assignment, values)


def _submit_late(assignment: Assignment, values: dict[str, Any]) -> Comparison:
    """The assignment was not open: it is a repetition, a second judgement, or one that comes after the lease."""
    held = lock_assignment(assignment.pk)
    known = Comparison.objects.filter(annotator=values["annotator"], client_id=values["client_id"]).first()
    if known is not None:
        if known.assignment_id != held.pk:
            raise BadJudgement("This client_id belongs to another judgement of yours. Make a new one for each.")
        return known
    if held.state == State.JUDGED:
        raise AlreadyJudged("You have already judged this item. Undo the judgement to change it.")
    if held.state == State.SKIPPED:
        raise LeaseLost("You have skipped this item; it has gone to others. Ask for your next one.")
    slot = take_slot(held.item_id) if held.state == State.EXPIRED else held.slot
    values |= {"state": held.state, "slot": slot, "is_surplus": slot is None}
    return next(iter(Comparison.objects.raw(_SUBMIT, values)))


def check_comparison(
    *, choice: str, strength: int | None, reason: str, flags: Sequence[str], active_ms: int | None
) -> None:
    """Refuse parts that do not go together.

    Raises:
        BadJudgement: with the field and what it takes.
    """
    fields: dict[str, str] = {}
    if choice not in Choice.values:
        fields["choice"] = "Choose a, b, tie or both_bad."
    elif choice in (Choice.A, Choice.B) and strength not in (1, 2, 3):
        fields["strength"] = "Say how much better it is: 1 slightly, 2 clearly, 3 much."
    elif choice in (Choice.TIE, Choice.BOTH_BAD) and strength is not None:
        fields["strength"] = "Leave it out where neither is better."
    if len(reason) > MAX_REASON_CHARACTERS:
        fields["reason"] = f"Use at most {MAX_REASON_CHARACTERS:,} characters."
    if len(flags) > MAX_FLAGS or any(not 0 < len(flag) <= 40 for flag in flags):
        fields["flags"] = f"Use at most {MAX_FLAGS} flags of 1 to 40 characters."
    if active_ms is not None and not 0 <= active_ms < 2**31:
        fields["active_ms"] = "Use milliseconds, 0 or more."
    if fields:
        raise BadJudgement(" ".join(fields.values()), fields=fields)
    for text, what in ((reason, "The reason"), *((flag, "A flag") for flag in flags)):
        check_text(text, what)


@transaction.atomic
def undo_last(*, project: Project, by: Membership, expected: Assignment | None = None) -> Assignment | None:
    """Take back this person's last judgement in the project and lease its item to them again, sides as they were.

    What was said is in the draft. None when there is nothing to take back, or when the judgement was surplus and the
    item has no slot for it: then it is taken back and that is all.

    Args:
        expected: the assignment that the caller takes for the last one.

    Raises:
        NotPermitted: the member may not judge.
        NotLast: another one was judged after `expected`.
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
    comparison = Comparison.objects.standing().filter(assignment=held).first()
    if held.state != State.JUDGED or comparison is None:  # another tab was faster
        return held if held.state == State.LEASED else None
    comparison.retracted_at = now()
    comparison.save(update_fields=["retracted_at"])
    if held.slot is None:
        held.slot = take_slot(held.item_id)
    held.state = State.LEASED if held.slot is not None else State.EXPIRED
    held.draft = {
        "choice": comparison.choice, "strength": comparison.strength,
        "reason": comparison.reason, "flags": comparison.flags,
    }  # fmt: skip
    held.leased_at = now()
    held.expires_at = held.leased_at + timedelta(minutes=held.project.lease_minutes)
    held.closed_at = None if held.slot is not None else held.leased_at
    held.save(update_fields=["slot", "state", "draft", "leased_at", "expires_at", "closed_at"])
    return held if held.slot is not None else None
