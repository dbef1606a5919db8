"""What users were answered, and what they said of it."""

from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from serving.models import Feedback, ServedResponse, Signal
from serving.paging import page_of_served
from serving.views.common import project_of


@require_safe
@requires(Permission.VIEW_RUNS)
def served_list(request: MemberRequest, project_id: int) -> HttpResponse:
    """A page of answers, newest first; with `?feedback=1` only those that somebody said something of."""
    project = project_of(request.member, project_id)
    answers = ServedResponse.objects.for_member(request.member).filter(project=project)
    only_feedback = request.GET.get("feedback") == "1"
    chosen = answers.filter(Q(pk__in=Feedback.objects.values("served_response"))) if only_feedback else answers
    rows = chosen.select_related("version", "caller").prefetch_related("feedback__item")
    context = {
        "project": project,
        "tab": "served",
        "only_feedback": only_feedback,
        "page": page_of_served(rows, before=request.GET.get("before")),
        "week": _week(project.pk),
    }
    return render(request, "serving/served_list.html", context)


def _week(project_id: int) -> dict[str, int]:
    since = now() - timedelta(days=7)
    said = Feedback.objects.filter(
        served_response__project_id=project_id, served_response__created_at__gte=since, replaced_at=None
    )
    found: dict[str, int] = said.aggregate(
        up=Count("pk", filter=Q(signal=Signal.THUMB_UP)),
        down=Count("pk", filter=Q(signal=Signal.THUMB_DOWN)),
        edits=Count("pk", filter=Q(signal=Signal.EDIT)),
        items=Count("item", distinct=True),
    )
    found["answers"] = ServedResponse.objects.filter(project_id=project_id, created_at__gte=since).count()
    return found
