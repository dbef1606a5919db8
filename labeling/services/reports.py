"""Reports: an annotator tells the manager that something is wrong with an item."""

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Conflict, Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_text
from labeling.models import Assignment, Report
from labeling.services.holding import check_assigned

MAX_NOTE_CHARACTERS = 5000


@transaction.atomic
def report_item(*, assignment: Assignment, by: Membership, note: str) -> Report:
    """Tell the manager. The item stays with the person, to be judged or skipped.

    Raises:
        NotAssigned: it is another annotator's.
        Invalid: without a word of what is wrong, or too long.
    """
    check_assigned(assignment, by)
    note = check_text(note, "The note").strip()
    if not 0 < len(note) <= MAX_NOTE_CHARACTERS:
        why = f"Say in 1 to {MAX_NOTE_CHARACTERS:,} characters what is wrong."
        raise Invalid(why, fields={"note": why})
    report = Report.objects.create(project=assignment.project, item_id=assignment.item_id, by=by.user, note=note)
    record_event("item reported", by=by, subject=assignment.item, report=report.pk)
    return report


@transaction.atomic
def resolve_report(*, report: Report, by: Membership, answer: str = "") -> None:
    """The manager has seen to it.

    Raises:
        NotPermitted
        Conflict: somebody else has.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    answer = check_text(answer, "The answer").strip()[:MAX_NOTE_CHARACTERS]
    moved = Report.objects.open().filter(pk=report.pk).update(resolved_at=now(), resolved_by=by.user, answer=answer)
    if not moved:
        raise Conflict("Somebody else has resolved this report. Reload the page.")
    record_event("report resolved", by=by, subject=report)
