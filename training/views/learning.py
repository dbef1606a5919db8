"""What the labels bought, and how long they take: parts of a project's page."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling.models import Project
from training.services.arms import arms_of
from training.services.time_to_model import PERCENTILES, time_to_model


@require_safe
@requires(Permission.VIEW_RUNS)
def time_to_model_part(request: MemberRequest, project_id: int) -> HttpResponse:
    """From a judgement to a model that learnt from it."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    times = time_to_model(project)
    rows = [(stage, [stage.seconds[percentile] for percentile in PERCENTILES]) for stage in times.stages]
    return render(request, "training/time_to_model.html", {"times": times, "rows": rows})


@require_safe
@requires(Permission.VIEW_RUNS)
def arms_part(request: MemberRequest, project_id: int) -> HttpResponse:
    """Held-out accuracy by number of labels, chosen and random."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    return render(request, "training/arms.html", {"project": project, "arms": arms_of(project)})
