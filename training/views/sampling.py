"""The answers section of a project's page and of the empty desk: how many there are, and the form for more."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires, signed_in
from accounts.permissions import Permission, can, check_can
from accounts.refusals import shown_on
from labeling.models import Project
from models_registry.models import ModelVersion
from models_registry.services import production_version
from training import services
from training.forms import SamplingForm
from training.models import SamplingJob


@require_safe
@signed_in
def sampling_progress(request: MemberRequest, project_id: int) -> HttpResponse:
    """The newest job. Who only judges, and everybody at the desk, sees the bar alone: no version, no settings."""
    if not can(request.member, Permission.JUDGE):
        check_can(request.member, Permission.VIEW_PROJECTS)
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    jobs = SamplingJob.objects.filter(project=project).select_related("version", "after")
    at_desk = request.GET.get("at") == "desk"
    may_start = can(request.member, Permission.START_RUNS) and not at_desk
    job = jobs.unfinished().order_by("pk").first() or jobs.order_by("-pk").first()
    context = {
        "project": project,
        "job": job,
        "outdated": _newer_than_answers(job) if can(request.member, Permission.VIEW_RUNS) and not at_desk else None,
        "at_desk": at_desk,
        "may_see": can(request.member, Permission.VIEW_RUNS) and not at_desk,
        "may_start": may_start,
        "form": SamplingForm(project=project) if may_start else None,
        "has_prompts": project.prompts.exists(),
    }
    return render(request, "training/sampling.html", context)


def _newer_than_answers(job: SamplingJob | None) -> ModelVersion | None:
    """What has gone into production since the answers were written; nothing of it can be judged yet."""
    if job is None or not job.is_finished or job.version is None:
        return None
    production = production_version(job.project_id)
    return production if production is not None and production.pk > job.version.pk else None


@require_POST
@requires(Permission.START_RUNS)
def sampling_start(request: MemberRequest, project_id: int) -> HttpResponse:
    """The button "Write answers"."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    form = SamplingForm(request.POST, project=project)
    if form.is_valid():
        with shown_on(form):
            services.start_sampling(project=project, by=request.member, **form.cleaned_data)
            messages.success(request, "Answers are being written. The first pairs can be judged in a moment.")
            return redirect("project", project.pk)
    return render(request, "training/sampling_form.html", {"project": project, "form": form}, status=422)


@require_POST
@requires(Permission.START_RUNS)
def sampling_cancel(request: MemberRequest, job_id: int) -> HttpResponse:
    job = get_object_or_404(SamplingJob.objects.for_member(request.member), pk=job_id)
    services.cancel_sampling(job=job, by=request.member)
    return redirect("project", job.project_id)
