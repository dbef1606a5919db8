"""The list of projects, and a project's settings."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.decorators import MemberRequest, requires, signed_in
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.forms import ProjectForm
from labeling.models import Project
from labeling.views.common import project_of


@require_safe
@signed_in
def project_list(request: MemberRequest) -> HttpResponse:
    """Where everybody starts: an annotator to judge, the others to look."""
    projects = Project.objects.for_member(request.member).filter(archived_at=None)
    return render(request, "labeling/project_list.html", {"nav": "projects", "projects": projects})


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_new(request: MemberRequest) -> HttpResponse:
    """Set up a project; the next step is its import."""
    form = ProjectForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with shown_on(form):
            project = services.create_project(by=request.member, **form.cleaned_data)
            messages.success(request, f"{project.name} is set up. Add what is to be judged.")
            return redirect("project-import", project.pk)
    context = {"nav": "projects", "form": form}
    return render(request, "labeling/project_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_edit(request: MemberRequest, project_id: int) -> HttpResponse:
    """Change the settings; what was judged stays as it is."""
    project = project_of(request.member, project_id)
    now_set = {name: getattr(project, name) for name in ProjectForm.base_fields}
    form = ProjectForm(request.POST if request.method == "POST" else None, initial=now_set)
    if form.is_valid():
        with shown_on(form):
            services.update_project(project=project, by=request.member, **form.cleaned_data)
            messages.success(request, "The settings are changed.")
            return redirect("project", project.pk)
    context = {"project": project, "tab": "settings", "form": form}
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
