"""The training section of a project's page."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling.models import Project
from training.models import TrainingRun
from training.services.start_refit import (
    can_refit,
    last_refit,
    new_judgements_since_refit,
    refit_threshold,
    selects_actively,
)
from training.services.start_refresh import can_refresh, new_judgements_since_refresh


@require_safe
@requires(Permission.VIEW_RUNS)
def run_summary(request: MemberRequest, project_id: int) -> HttpResponse:
    """The newest chain as steps, when the next one is due, and the button."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    newest = TrainingRun.objects.refreshes().filter(project=project).order_by("-pk").first()
    runs: list[TrainingRun] = []
    if newest:
        runs = (
            list(TrainingRun.objects.filter(chain_id=newest.chain_id).order_by("pk")) if newest.chain_id else [newest]
        )
    may_start, why_not = can_refresh(project)
    context = {
        "project": project,
        "runs": runs,
        **_refits(project),
        "unfinished": any(not run.is_finished for run in runs),
        "may_start": may_start,
        "why_not": why_not,
        "new_judgements": new_judgements_since_refresh(project),
    }
    return render(request, "training/summary.html", context)


def _why_no_refit(project: Project, *, first: bool, enough_new: bool) -> str:
    """Why the next will be refused; of a project that has begun to be judged the count of what is new says it."""
    return "" if first and not enough_new else can_refit(project)[1]


def _refits(project: Project) -> dict[str, Any]:
    """How the fast path stands; nothing where there was none and none will come."""
    last, threshold = last_refit(project), refit_threshold(project)
    if last is None and threshold is None:
        return {"refits": False}
    new = new_judgements_since_refit(project)
    enough_new = threshold is not None and new >= threshold
    return {
        "refits": True,
        "last_refit": last,
        "refit_unfinished": last is not None and not last.is_finished,
        "refit_threshold": threshold,
        "new_since_refit": new,
        "why_no_refit": _why_no_refit(project, first=last is None, enough_new=enough_new),
        "selects_actively": selects_actively(project),
    }
