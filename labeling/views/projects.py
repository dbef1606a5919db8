"""The list of projects; setting one up; a project's settings."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.decorators import MemberRequest, requires, signed_in
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.models import Project
from labeling.project_forms import ProjectForm, SetupForm, settings_of
from labeling.services.warnings import project_warnings
from labeling.setups import SETUPS
from labeling.views.common import project_of, warn_of


@require_safe
@signed_in
def project_list(request: MemberRequest) -> HttpResponse:
    """Where everybody starts: an annotator to judge, the others to look."""
    projects = Project.objects.for_member(request.member).filter(archived_at=None)
    context = {"nav": "projects", "projects": projects, "reports": services.own_reports_told(request.member)}
    return render(request, "labeling/project_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_new(request: MemberRequest) -> HttpResponse:
    """Choose what to ask; a POST sets up a project with all of its settings at once."""
    if request.method == "POST":
        return _set_up(request, ProjectForm(request.POST), {}, "labeling/project_form.html", {"nav": "projects"})
    return render(request, "labeling/project_new.html", {"nav": "projects", "setups": SETUPS.values()})


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_setup(request: MemberRequest, setup: str) -> HttpResponse:
    """The few things that a project of this sort needs; the next step is its import."""
    if setup == "blank":
        form = ProjectForm(request.POST if request.method == "POST" else None)
        return _set_up(request, form, {}, "labeling/project_form.html", {"nav": "projects"})
    if setup not in SETUPS:
        raise Http404(f"There is no way to begin called {setup}.")
    chosen = SETUPS[setup]
    initial = {"guidelines": chosen.guidelines, "overlap": chosen.overlap, "purpose": chosen.purpose}
    short = SetupForm(request.POST if request.method == "POST" else None, initial=initial)
    context = {"nav": "projects", "setup": chosen}
    return _set_up(request, short, {"design": chosen.design}, "labeling/project_setup.html", context)


def _set_up(
    request: MemberRequest, form: SetupForm, more: dict[str, Any], template: str, context: dict[str, Any]
) -> HttpResponse:
    if form.is_valid():
        with shown_on(form):
            given = form.changes() if isinstance(form, ProjectForm) else form.cleaned_data
            project = services.create_project(by=request.member, **given, **more)
            messages.success(request, f"{project.name} is set up. Add what is to be judged.")
            warn_of(request, project)
            return redirect("project-import", project.pk)
    return render(request, template, context | {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_edit(request: MemberRequest, project_id: int) -> HttpResponse:
    """Change the settings; what was judged stays as it is."""
    project = project_of(request.member, project_id)
    form = ProjectForm(request.POST if request.method == "POST" else None, initial=settings_of(project))
    if form.is_valid():
        with shown_on(form):
            changed = services.update_project(project=project, by=request.member, **form.changes())
            messages.success(request, "The settings are changed.")
            if changed.overlap != project.overlap and services.has_items(project):
                queue = reverse("project-items", args=[project.pk])
                messages.info(
                    request, f"The people per item hold for new items. Items made before are changed at {queue}."
                )
            return redirect("project", project.pk)
    warnings = project_warnings(project)
    context = {"project": project, "tab": "settings", "form": form, "warnings": warnings}
    return render(request, "labeling/project_form.html", context, status=422 if form.errors else 200)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def project_pause(request: MemberRequest, project_id: int) -> HttpResponse:
    """Pause a running project, or let a paused one go on, as the button said."""
    project = project_of(request.member, project_id)
    if request.POST.get("to") == "paused":
        services.pause_project(project=project, by=request.member)
        messages.success(request, "Paused: nobody gets new items. What is being judged now can still be sent.")
    else:
        services.resume_project(project=project, by=request.member)
        messages.success(request, "The project goes on: items are given out again.")
    return redirect("project", project.pk)
