"""What the labels say of each annotator: asked for by a manager, worked out by a worker, kept until asked for anew."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils.timezone import now

from accounts.lazy_module import lazy_module
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import AnnotatorCompetence, CompetenceReport, Judgement, Project
from labeling.services.agreement import VOTES
from labeling.services.new_judgements import count_new_judgements
from labeling.services.vote_rows import read_rows

if TYPE_CHECKING:
    import numpy as np

    from labeling import agreement
else:
    np = lazy_module("numpy")
    agreement = lazy_module("labeling.agreement")

State = CompetenceReport.State
# None of its steps takes that long for a million labels.
LOST_AFTER = timedelta(minutes=4)
# A message that was sent is given so long before it is sent again.
HINT_AFTER = timedelta(seconds=20)
MAX_ATTEMPTS = 3


@transaction.atomic
def request_competence(*, project: Project, by: Membership) -> tuple[CompetenceReport, bool]:
    """Have the figures worked out, and whether this call began it: one that is under way is not begun again.

    Raises:
        NotPermitted
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    asked = {"requested_by": by.user, "requested_at": now()}
    report, made = CompetenceReport.objects.get_or_create(project=project, defaults=asked)
    if not made:
        begun = {"state": State.WAITING, "attempts": 0, "heartbeat_at": None, "error": ""}
        ended = CompetenceReport.objects.filter(pk=report.pk, state__in=[State.DONE, State.FAILED])
        made = bool(ended.update(**begun, **asked))
        report.refresh_from_db()
    return report, made


def compute_competence(report_id: int) -> None:
    """Work it out, unless somebody else does or did. The old figures stand until the new ones are there."""
    report = CompetenceReport.objects.filter(pk=report_id, state=State.WAITING).select_related("project").first()
    if report is None:
        return
    claimed = {"state": State.RUNNING, "fence": report.fence + 1, "attempts": report.attempts + 1}
    waiting = CompetenceReport.objects.filter(pk=report.pk, state=State.WAITING, fence=report.fence)
    if not waiting.update(heartbeat_at=now(), **claimed):
        return
    mine = CompetenceReport.objects.filter(pk=report.pk, state=State.RUNNING, fence=report.fence + 1)
    try:
        _store(report, mine, *_measure(report.project, mine))
    except SoftTimeLimitExceeded:
        mine.update(state=State.FAILED, error="It took too long. Try again when the machine has less to do.")


def sweep_competence() -> list[int]:
    """Ids of those that wait for a worker, whose worker fell silent among them; whoever calls sends them on."""
    moment = now()
    lost = CompetenceReport.objects.filter(state=State.RUNNING, heartbeat_at__lt=moment - LOST_AFTER)
    error = f"Its worker was lost {MAX_ATTEMPTS} times in the middle of it."
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(state=State.FAILED, error=error)
    lost.update(state=State.WAITING, heartbeat_at=None)
    waiting = CompetenceReport.objects.filter(state=State.WAITING)
    late = waiting.exclude(heartbeat_at__gte=moment - HINT_AFTER).exclude(requested_at__gte=moment - HINT_AFTER)
    found = list(late.values_list("pk", flat=True)[:100])
    CompetenceReport.objects.filter(pk__in=found, state=State.WAITING).update(heartbeat_at=moment)
    return found


def _measure(project: Project, mine: Any) -> "tuple[agreement.AnnotatorFigures | None, dict[str, int]]":
    newest = Judgement.objects.filter(project=project).order_by("-pk").values_list("pk", flat=True).first()
    votes = read_rows(VOTES, {"project": project.pk}, {"item": ">i8", "annotator": ">i8", "label": ">i2"})
    columns = [votes[name].astype(np.int64) for name in ("item", "annotator", "label")]
    found = agreement.measure_annotators(*columns, between=lambda: mine.update(heartbeat_at=now()))
    about = {"labels": len(votes), "shared_items": found.items if found else 0, "last_judgement_id": newest or 0}
    return found, about


@transaction.atomic
def _store(
    report: CompetenceReport, mine: Any, found: "agreement.AnnotatorFigures | None", about: dict[str, int]
) -> None:
    if not mine.update(state=State.DONE, computed_at=now(), error="", **about):
        return  # another worker has it by now
    AnnotatorCompetence.objects.filter(report=report).delete()
    if found is None:
        return
    knows = found.knows
    # Pages begin with the highest id: who is surely worse than a guesser, then who can be told from one least.
    columns = {
        "annotator_id": found.annotators_A, "labels": found.labels_A, "knows": knows.theta_A,
        "knows_low": knows.low_A, "knows_high": knows.high_A,
        "right": found.right_A, "right_low": found.right_low_A, "right_high": found.right_high_A,
    }  # fmt: skip
    order = np.lexsort((knows.theta_A, knows.high_A, found.right_high_A >= 0))[::-1]
    AnnotatorCompetence.objects.bulk_create(
        (AnnotatorCompetence(report=report, **{name: values[row].item() for name, values in columns.items()}))
        for row in order
    )


def new_labels_since(report: CompetenceReport) -> int:
    """Counted judgements that its figures do not know."""
    return count_new_judgements(report.project, after=report.last_judgement_id)
