"""The lease: who judges what next, and until when. docs/lease.md shows what the statement costs."""

from typing import Any

from django.db import connection, transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.errors import ProjectClosed
from labeling.models import Assignment, Project
from labeling.services.lease_statement import LEASE, LEASE_PATIENTLY, LOCK_CURSOR, MAKE_CURSOR


def lease_next(*, project: Project, by: Membership) -> Assignment | None:
    """Give `by` an item of the project to judge, or None when there is none for this person.

    First what this person holds already (a reload shows the same item), then the best open item that this person has
    never had, then one whose lease this person let run out and that still has a slot, with its draft. Never an item
    that this person skipped, and never a response written by this person.

    Not to be called in a transaction that has locked items: it may wait for others who wait for those.

    Raises:
        NotPermitted: the member may not judge.
        ProjectClosed: the project is paused or archived.
    """
    check_can(by, Permission.JUDGE)
    place = {"project": project.pk, "annotator": by.user_id}
    with transaction.atomic():
        assignment_id, is_contended = _lease(place)
        if assignment_id is None and is_contended:
            # Something is open, and others had it locked just now. Items that turned out to be full are still locked
            # by us, in the order in which we met them: let go of them before waiting, or others wait for us in turn.
            transaction.set_rollback(True)
    if assignment_id is None and is_contended:
        with transaction.atomic():
            assignment_id, _ = _lease(place, patiently=True)
    if assignment_id is None:
        return None
    return Assignment.objects.select_related("project", "item__prompt").get(pk=assignment_id)


def _lease(place: dict[str, Any], *, patiently: bool = False) -> tuple[int | None, bool]:
    """The assignment's id, and whether there was anything open for this person."""
    with connection.cursor() as cursor:
        # One lease at a time is given to a person: two tabs that ask at once queue here, and get the same item.
        cursor.execute(LOCK_CURSOR, place)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(MAKE_CURSOR, place)
            cursor.execute(LOCK_CURSOR, place)
            row = cursor.fetchone()
        cursor_id, is_paused, is_archived, lease_minutes, *position = row
        check_open(is_paused=is_paused, is_archived=is_archived)
        found = dict(zip(("epoch", "rank", "item"), position, strict=True))
        if patiently:
            found |= {"rank": float("-inf"), "item": 0}
        values = place | {"cursor": cursor_id, "minutes": lease_minutes} | found
        cursor.execute(LEASE_PATIENTLY if patiently else LEASE, values)
        assignment_id, is_contended = cursor.fetchone()
    return assignment_id, is_contended


def check_open(*, is_paused: bool, is_archived: bool) -> None:
    """Refuse to give out items of a project that is not open.

    Raises:
        ProjectClosed: with which of the two it is.
    """
    if is_archived:
        raise ProjectClosed("This project is archived: it takes no more judgements. Choose another project.")
    if is_paused:
        raise ProjectClosed("This project is paused. What you have judged is kept; come back when it goes on.")
