"""Who may be given items of a project now, and why not."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.timezone import localtime, now

from labeling.errors import CapReached, NotEligible, ProjectClosed


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides it, read under the lock of the person's cursor."""

    is_paused: bool
    is_archived: bool
    requires: list[str]
    cap_per_day: int | None
    cap_per_person: int | None
    tags: list[str]
    person_is_paused: bool


def check_open(*, is_paused: bool, is_archived: bool) -> None:
    """Refuse to give out items of a project that is not open.

    Raises:
        ProjectClosed: with which of the two it is.
    """
    if is_archived:
        raise ProjectClosed("This project is archived: it takes no more judgements. Choose another project.")
    if is_paused:
        raise ProjectClosed("This project is paused. What you have judged is kept; come back when it goes on.")


def check_eligible(terms: Terms, *, project_id: int, annotator_id: int, in_hand: int = 0) -> None:
    """Refuse a person who may judge, but not here or not now.

    Args:
        in_hand: how many items the person is about to judge already.

    Raises:
        ProjectClosed, NotEligible, CapReached
    """
    check_open(is_paused=terms.is_paused, is_archived=terms.is_archived)
    if terms.person_is_paused:
        raise NotEligible("A manager has paused your work. What you have judged is kept; ask when it goes on.")
    if missing := sorted(set(terms.requires) - set(terms.tags)):
        needed = ", ".join(tag.replace(":", " ", 1) for tag in missing)
        raise NotEligible(f"This project needs people with {needed}. Ask a manager if that is you.")
    if terms.cap_per_day:
        midnight = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
        if _judged(project_id, annotator_id, terms.cap_per_day, since=midnight) + in_hand >= terms.cap_per_day:
            raise CapReached(
                f"You have judged {terms.cap_per_day} items here today: that is the day's limit. Thank you."
            )
    if (
        terms.cap_per_person
        and _judged(project_id, annotator_id, terms.cap_per_person) + in_hand >= terms.cap_per_person
    ):
        raise CapReached(
            f"You have judged {terms.cap_per_person} items here: that is all that one person may. Thank you."
        )


def _judged(project_id: int, annotator_id: int, limit: int, *, since: datetime | None = None) -> int:
    """How many, counted no further than the limit."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM (
                   SELECT FROM labeling_assignment WHERE annotator_id = %s AND project_id = %s AND state = 'judged'
                   AND closed_at >= coalesce(%s, '-infinity'::timestamptz) ORDER BY closed_at DESC LIMIT %s) found""",
            [annotator_id, project_id, since, limit],
        )
        return int(cursor.fetchone()[0])
