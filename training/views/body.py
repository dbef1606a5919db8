"""The reward model's trained body, on a project's training page: when, what came of the last one, and the button."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling.models import Project
from training import services
from training.services.body_trials import last_trial
from training.services.start_body_run import (
    body_threshold,
    can_train_body,
    last_body_run,
    new_judgements_since_body_run,
)
from training.services.which_version import reward_model_of


@require_POST
@requires(Permission.START_RUNS)
def train_body(request: MemberRequest, project_id: int) -> HttpResponse:
    """The button "Train the body now"."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    run = services.start_body_run(project=project, by=request.member, why=f"started by {request.member.user}"[:120])
    return redirect("run", run.pk)


def body_context(project: Project) -> dict[str, Any]:
    """What the section needs."""
    why_not = can_train_body(project)[1]
    return {
        "reward_model": reward_model_of(project.pk),
        "trial": last_trial(project),
        "last_body_run": last_body_run(project),
        "why_no_body": why_not,
        "schedule": say_schedule(project, why_not),
    }


def say_schedule(project: Project, why_not: str) -> str:
    """When the next one starts by itself.

    Args:
        why_not: the sentence that refuses one now, or nothing.
    """
    if project.archived_at:
        return "An archived project trains nothing by itself."
    threshold = body_threshold(project)
    if threshold is None:
        return "It is trained by the button alone: the settings name no number of new judgements."
    new = new_judgements_since_body_run(project)
    counted = f"{new:,} of {threshold:,} new judgements"
    if project.paused_at:
        return f"{counted}. While the project is paused it is not trained by itself."
    if new < threshold:
        share = ", a tenth of what the last one learnt from," if threshold > project.train_body_after else ""
        return f"{counted}; at {threshold:,}{share} it is trained by itself."
    return f"{counted}: it starts as soon as it can." if why_not else f"{counted}: it is due, and starts by itself."
