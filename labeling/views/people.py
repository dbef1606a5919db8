"""The people of a project, and what its reviewers read."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission
from labeling import services
from labeling.project_forms import AnnotatorForm
from labeling.services.annotator_figures import annotator_rows
from labeling.views.common import project_of


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def annotators(request: MemberRequest, project_id: int) -> HttpResponse:
    """What each did here, and whether they may go on."""
    project = project_of(request.member, project_id)
    context = {
        "project": project,
        "tab": "items",
        "part": "annotators",
        "rows": annotator_rows(project),
        "warnings": services.project_warnings(project),
    }
    return render(request, "labeling/annotators.html", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def annotator_change(request: MemberRequest, project_id: int, member_id: int) -> HttpResponse:
    """Other tags, or a pause; it holds in every project of the organisation."""
    project = project_of(request.member, project_id)
    member = get_object_or_404(Membership.objects.for_member(request.member).select_related("user"), pk=member_id)
    name = member.user.display_name
    if "pause" in request.POST:
        paused = request.POST["pause"] == "1"
        services.pause_annotator(member=member, by=request.member, paused=paused)
        told = f"{name} gets no items for now." if paused else f"{name} gets items again."
    else:
        form = AnnotatorForm(request.POST)
        if not form.is_valid():
            raise Invalid("Write tags with commas between them.")
        services.set_tags(member=member, by=request.member, tags=form.cleaned_data["tags"])
        told = f"The tags of {name} are changed."
    messages.success(request, told)
    return redirect("project-annotators", project.pk)


@require_safe
@requires(Permission.REVIEW)
def judgements(request: MemberRequest, project_id: int) -> HttpResponse:
    """What was judged last, in words."""
    project = project_of(request.member, project_id)
    before = request.GET.get("before", "")
    start = int(before) if before.isdecimal() and len(before) < 19 else None
    found = services.latest_judgements(project=project, by=request.member, before=start, size=51)
    page = {"older": found[49].id if len(found) > 50 else None, "is_first": start is None}
    context = {"project": project, "tab": "items", "part": "judgements", "judgements": found[:50], "page": page}
    return render(request, "labeling/judgements.html", context)
