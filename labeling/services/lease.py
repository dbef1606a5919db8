"""The lease: who judges what next, and until when. docs/lease.md shows what the statement costs."""

from django.db import connection, transaction

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.errors import ProjectClosed
from labeling.models import Assignment, Project
from labeling.services.lease_statement import LEASE, LEASE_PATIENTLY, LOCK_CURSOR, MAKE_CURSOR


@transaction.atomic
def lease_next(*, project: Project, by: Membership) -> Assignment | None:
    """Give `by` an item of the project to judge, or None when there is none for this person.

    First what this person holds already (a reload shows the same item), then the best open item that this person has
    never had, then one whose lease this person let run out and that still has a slot, with its draft. Never an item
    that this person skipped, and never a response written by this person.

    Raises:
        NotPermitted: the member may not judge.
        ProjectClosed: the project is paused or archived.
    """
    check_can(by, Permission.JUDGE)
    with connection.cursor() as cursor:
        place = {"project": project.pk, "annotator": by.user_id}
        # One lease at a time is given to a person: two tabs that ask at once queue here, and get the same item.
        cursor.execute(LOCK_CURSOR, place)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(MAKE_CURSOR, place)
            cursor.execute(LOCK_CURSOR, place)
            row = cursor.fetchone()
        cursor_id, is_paused, is_archived, lease_minutes, *position = row
        check_open(is_paused=is_paused, is_archived=is_archived)
        place |= {"cursor": cursor_id, "minutes": lease_minutes}
        place |= dict(zip(("epoch", "rank", "item"), position, strict=True))
        cursor.execute(LEASE, place)
        assignment_id, is_contended = cursor.fetchone()
        if assignment_id is None and is_contended:
            # Something is open, and others had it locked just now. Wait for them instead of saying "nothing".
            cursor.execute(LEASE_PATIENTLY, place | {"rank": float("-inf"), "item": 0})
            assignment_id, _ = cursor.fetchone()
    if assignment_id is None:
        return None
    return Assignment.objects.select_related("project", "item__prompt").get(pk=assignment_id)


def check_open(*, is_paused: bool, is_archived: bool) -> None:
    """Refuse to give out items of a project that is not open.

    Raises:
        ProjectClosed: with which of the two it is.
    """
    if is_archived:
        raise ProjectClosed("This project is archived: it takes no more judgements. Choose another project.")
    if is_paused:
        raise ProjectClosed("This project is paused. What you have judged is kept; come back when it goes on.")
