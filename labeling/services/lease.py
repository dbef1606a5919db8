"""The lease: who judges what next, and until when. docs/lease.md shows what the statement costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from accounts.prepared import run_prepared
from labeling.errors import CapReached, NotEligible, ProjectClosed
from labeling.models import Assignment, Project
from labeling.services.deadlocks import despite_deadlocks
from labeling.services.eligibility import Terms, check_eligible
from labeling.services.lease_statement import LEASE, LEASE_PATIENTLY, LOCK_CURSOR, MAKE_CURSOR, STEAL
from labeling.services.loading import load_to_show

# When nothing else is left, a lease that was not touched for so long may go to somebody who is there.
IDLE_SECONDS = 180
# One that a browser holds in reserve, behind the item on its screen.
RESERVE_SECONDS = 60
MAX_BESIDE = 5
J = TypeVar("J")


def lease_next(
    *, project: Project, by: Membership, beside: Sequence[int] = (), showing: int = 0, in_reserve: bool = False
) -> Assignment | None:
    """Give `by` an item of the project to judge, or None when there is none for this person.

    First what this person holds already (a reload shows the same item), then the best open item that this person has
    never had, then one whose lease this person let run out and that still has a slot, with its draft; near the end one
    that somebody else left lying. Never an item that this person skipped, and never a response written by this person.

    Not to be called in a transaction that has locked items: it may wait for others who wait for those.

    Args:
        beside: assignments of this person that are in hand: another one is given.
        showing: that one of them which is on the screen, and was perhaps in reserve until now.
        in_reserve: it is not on the screen yet. One that was shown goes before one in reserve.

    Raises:
        NotPermitted: the member may not judge.
        ProjectClosed: the project is paused or archived.
        NotEligible: the project asks for something that this person has not, or the person is paused.
        CapReached: this person has judged as many as the project allows.
    """
    check_can(by, Permission.JUDGE)
    place = place_of(project, by, beside, showing=showing, in_reserve=in_reserve)
    return _give(place, by, _lease(place))


def _give(
    place: dict[str, Any], by: Membership, assignment_id: int | None, *, project: Project | None = None
) -> Assignment | None:
    if assignment_id is None and not place["in_reserve"] and _steal(place):
        assignment_id = _lease(place)
    return None if assignment_id is None else load_to_show(assignment_id, by=by, project=project)


def place_of(
    project: Project, by: Membership, beside: Sequence[int] = (), *, showing: int = 0, in_reserve: bool = False
) -> dict[str, Any]:
    """The parameters that name who asks, where, and with what in hand."""
    held = list(dict.fromkeys([showing, *beside] if showing else beside))
    return {
        "project": project.pk, "annotator": by.user_id, "member": by.pk,
        "beside": held[:MAX_BESIDE], "showing": showing, "in_reserve": in_reserve,
        "reserve_seconds": RESERVE_SECONDS, "idle_seconds": IDLE_SECONDS,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """The next item; without one, why there is none, when there is more to say than that nothing is left."""

    assignment: Assignment | None
    why: str = ""


def offer_next(*, project: Project, by: Membership, **asked: Any) -> Offer:
    """`lease_next` for whoever has just judged: what refuses the next item does not refuse the judgement."""
    try:
        return Offer(lease_next(project=project, by=by, **asked))
    except (ProjectClosed, NotEligible, CapReached) as refusal:
        return Offer(None, refusal.message)


def judge_and_offer(judge: Callable[[], J], *, project: Project, by: Membership, **asked: Any) -> tuple[J, Offer]:
    """What `judge` stores and the next item, in one transaction when nobody is in the way: half the work of two.

    The person's cursor is locked first, as by every lease: a second tab waits there and not for our assignment.
    Whatever refuses the next item does not refuse the judgement; what refuses the judgement refuses all.

    Args:
        project: as it was read for this very request: the next item's assignment gets the same one.
        asked: beside, showing and in_reserve of `lease_next`.
    """
    check_can(by, Permission.JUDGE)
    place = place_of(project, by, **asked)
    assignment_id, is_contended, why = None, False, ""
    with transaction.atomic():
        try:
            values = lock_place(place, about_to_judge=1)
        except (ProjectClosed, NotEligible, CapReached) as refusal:
            why = refusal.message
        judged = judge()
        if not why:
            _, ((assignment_id, is_contended),) = run_prepared(LEASE, values)
    if why:
        return judged, Offer(None, why)
    if assignment_id is None and is_contended:
        return judged, offer_next(project=project, by=by, **asked)
    return judged, Offer(_give(place, by, assignment_id, project=project))


def _lease(place: dict[str, Any]) -> int | None:
    with transaction.atomic():
        assignment_id, is_contended = _try_lease(place)
        if assignment_id is None and is_contended:
            # Something is open, and others had it locked just now. Items that turned out to be full are still locked
            # by us, in the order in which we met them: let go of them before waiting, or others wait for us in turn.
            transaction.set_rollback(True)
    return _lease_patiently(place) if assignment_id is None and is_contended else assignment_id


def _lease_patiently(place: dict[str, Any]) -> int | None:
    """Wait for what others have locked, in the queue's order.

    The order changes under who waits: a priority, a slot that came back. Of two that so come to wait for each other
    PostgreSQL ends one; if it is this one, nothing has happened yet, and it asks again.
    """
    return despite_deadlocks(lambda: _try_lease(place, patiently=True)[0])


def _try_lease(place: dict[str, Any], *, patiently: bool = False) -> tuple[int | None, bool]:
    """The assignment's id, and whether there was anything open for this person."""
    values = lock_place(place)
    if patiently:
        values |= {"rank": float("-inf"), "item": 0}
    _, ((assignment_id, is_contended),) = run_prepared(LEASE_PATIENTLY if patiently else LEASE, values)
    return assignment_id, is_contended


def lock_place(place: dict[str, Any], *, about_to_judge: int = 0) -> dict[str, Any]:
    """The statement's parameters, once the person is eligible; `place` learns the tags and the lease's length.

    One lease at a time is given to a person: two tabs that ask at once queue here, and get the same item.

    Raises:
        ProjectClosed, NotEligible, CapReached
    """
    _, rows = run_prepared(LOCK_CURSOR, place)
    if not rows:
        with connection.cursor() as cursor:
            cursor.execute(MAKE_CURSOR, place)
        _, rows = run_prepared(LOCK_CURSOR, place)
    row = rows[0]
    found = dict(zip(("cursor", "minutes", "epoch", "rank", "item"), row[:5], strict=True))
    terms = Terms(*row[5:])
    in_hand = len(place["beside"]) + about_to_judge
    check_eligible(terms, project_id=place["project"], annotator_id=place["annotator"], in_hand=in_hand)
    place |= {"tags": terms.tags, "minutes": found["minutes"]}
    return place | found


def _steal(place: dict[str, Any]) -> bool:
    """Whether a lease that lay untouched was ended for this person's sake."""
    with connection.cursor() as cursor:
        cursor.execute(STEAL, place)
        return cursor.fetchone() is not None
