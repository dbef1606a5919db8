"""Judging: stored once, kept when late. What a judgement says is its kind's; that it is stored is the same for all."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.joined_rows import instance_of
from accounts.models import Membership
from accounts.prepared import run_prepared
from labeling.content import check_text
from labeling.errors import AlreadyJudged, BadJudgement, LeaseLost
from labeling.kinds import kind_of
from labeling.kinds.design import Design, design_of
from labeling.kinds.flags import read_flags
from labeling.kinds.judgement import JudgementBase
from labeling.kinds.kind import Kind
from labeling.models import Assignment, Comparison
from labeling.services.holding import check_assigned
from labeling.services.judgement_events import tell_webhooks
from labeling.services.lease import Offer, judge_and_offer
from labeling.services.slots import lock_assignment, take_slot
from webhooks.kinds import EventKind

# A long thought and a pasted document; the desk's field says so too.
MAX_REASON_CHARACTERS = 20_000
State = Assignment.State

# One statement: of two that arrive together exactly one closes the assignment, and what it stores goes with it.
# @table@, @columns@ and @values@ are the kind's.
_SUBMIT = """
WITH closed AS (
    UPDATE labeling_assignment SET state = 'judged', closed_at = statement_timestamp(), draft = '{}',
        slot = coalesce(slot, %(slot)s::smallint), shown_at = coalesce(shown_at, statement_timestamp())
    WHERE id = %(assignment)s AND annotator_id = %(annotator)s AND state = %(state)s AND NOT EXISTS (
        SELECT FROM @table@ WHERE annotator_id = %(annotator)s AND client_id = %(client_id)s)
    RETURNING id, project_id, item_id, shown_order,
        extract(epoch FROM statement_timestamp() - first_leased_at) * 1000 AS most_ms
), shown AS (
    SELECT closed.*, ARRAY(
        SELECT ir.response_id FROM unnest(shown_order) WITH ORDINALITY AS o(position, place)
        JOIN labeling_itemresponse ir ON ir.item_id = closed.item_id AND ir.position = o.position ORDER BY o.place) AS r
    FROM closed
)
INSERT INTO @table@ (project_id, item_id, assignment_id, annotator_id, client_id, reason, flags, active_ms, is_surplus,
    created_at, @columns@)
SELECT project_id, item_id, id, %(annotator)s, %(client_id)s, %(reason)s, %(flags)s::jsonb,
    CASE WHEN %(active_ms)s::integer IS NOT NULL THEN least(%(active_ms)s::integer, most_ms)::integer END,
    %(is_surplus)s, statement_timestamp(), @values@
FROM shown
ON CONFLICT (annotator_id, client_id) DO NOTHING
RETURNING *
"""


def submit_judgement(
    *,
    assignment: Assignment,
    by: Membership,
    client_id: UUID,
    said: Mapping[str, Any],
    reason: str = "",
    flags: Sequence[Any] = (),
    active_ms: int | None = None,
) -> JudgementBase:
    """Record what `by` says of the item, and close the assignment.

    Sent twice with one `client_id` it is stored once, and the stored one is returned. After the lease ran out it is
    kept all the same: in a free slot if there is one, else as surplus.

    Args:
        said: what the item's kind takes; labels ("a", "b") are as the person saw the answers.
        flags: see `read_flags`.
        active_ms: with attention, as the page has measured it; kept no longer than since the item was first leased.

    Raises:
        NotAssigned: the item was leased to somebody else.
        AlreadyJudged: the assignment was closed before by another judgement (a second tab).
        LeaseLost: this person had skipped the item.
        BadJudgement: the parts do not go together, or the project does not ask for them.
    """
    with transaction.atomic():
        return _submit(assignment, by, client_id, said, reason, flags, active_ms)


def submit_and_offer(
    *,
    assignment: Assignment,
    by: Membership,
    beside: Sequence[int] = (),
    showing: int = 0,
    in_reserve: bool = False,
    **judgement: Any,
) -> tuple[JudgementBase, Offer]:
    """`submit_judgement` and the next item for this person.

    Args:
        beside, showing, in_reserve: see `lease_next`.
    """
    check_assigned(assignment, by)
    filled = {"reason": "", "flags": (), "active_ms": None} | judgement
    return judge_and_offer(
        lambda: _submit(assignment=assignment, by=by, **filled),
        project=assignment.project, by=by, beside=beside, showing=showing, in_reserve=in_reserve,
    )  # fmt: skip


def submit_comparison(
    *,
    assignment: Assignment,
    by: Membership,
    client_id: UUID,
    choice: str,
    strength: int | None = None,
    **more: Any,
) -> Comparison:
    """`submit_judgement` of a comparison without axes."""
    said = {"choice": choice, "strength": strength}
    stored = submit_judgement(assignment=assignment, by=by, client_id=client_id, said=said, **more)
    assert isinstance(stored, Comparison)
    return stored


def _submit(
    assignment: Assignment,
    by: Membership,
    client_id: UUID,
    said: Mapping[str, Any],
    reason: str,
    flags: Sequence[Any],
    active_ms: int | None,
) -> JudgementBase:
    """In the caller's transaction."""
    check_assigned(assignment, by)
    kind, design = kind_of(assignment.item.kind), design_of(assignment.project)
    check_common(design=design, reason=reason, active_ms=active_ms)
    values = {
        "assignment": assignment.pk, "annotator": by.user_id, "client_id": client_id, "state": State.LEASED.value,
        "reason": reason, "flags": json.dumps(read_flags(flags, design=design, assignment=assignment)),
        "active_ms": active_ms, "is_surplus": False, "slot": None,
    } | kind.read(said, design=design.kinds[kind.name], assignment=assignment)  # fmt: skip
    return _store(kind, values, by=by) or _submit_late(kind, assignment, values, by=by)


def _store(kind: Kind, values: dict[str, Any], *, by: Membership) -> JudgementBase | None:
    names, rows = run_prepared(_statement(kind), values)
    if not rows:
        return None
    stored: JudgementBase = instance_of(kind.model, names, rows[0])
    tell_webhooks(EventKind.JUDGEMENT_CREATED, stored, by=by)
    return stored


@cache
def _statement(kind: Kind) -> str:
    return (
        _SUBMIT.replace("@table@", kind.table)
        .replace("@columns@", ", ".join(kind.columns))
        .replace("@values@", ", ".join(kind.columns.values()))
    )


def _submit_late(kind: Kind, assignment: Assignment, values: dict[str, Any], *, by: Membership) -> JudgementBase:
    """The assignment was not open: it is a repetition, a second judgement, or one that comes after the lease."""
    held = lock_assignment(assignment.pk)
    known = kind.model.objects.filter(annotator=values["annotator"], client_id=values["client_id"]).first()
    if known is not None:
        if known.assignment_id != held.pk:
            raise BadJudgement("This client_id belongs to another judgement of yours. Make a new one for each.")
        found: JudgementBase = known
        return found
    if held.state == State.JUDGED:
        raise AlreadyJudged("You have already judged this item. Undo the judgement to change it.")
    if held.state == State.SKIPPED:
        raise LeaseLost("You have skipped this item; it has gone to others. Ask for your next one.")
    slot = take_slot(held.item_id) if held.state == State.EXPIRED else held.slot
    values |= {"state": held.state, "slot": slot, "is_surplus": slot is None}
    stored = _store(kind, values, by=by)
    assert stored is not None, "the assignment is locked by us and open"
    return stored


def check_common(*, design: Design, reason: str, active_ms: int | None) -> None:
    """Refuse what every kind refuses.

    Raises:
        BadJudgement: with the field and what it takes.
    """
    fields: dict[str, str] = {}
    if len(reason) > MAX_REASON_CHARACTERS:
        fields["reason"] = f"Use at most {MAX_REASON_CHARACTERS:,} characters."
    elif design.reason == "required" and not reason.strip():
        fields["reason"] = "Say why: this project asks for a reason."
    if active_ms is not None and not 0 <= active_ms < 2**31:
        fields["active_ms"] = "Use milliseconds, 0 or more."
    if fields:
        raise BadJudgement(" ".join(fields.values()), fields=fields)
    check_text(reason, "The reason")
