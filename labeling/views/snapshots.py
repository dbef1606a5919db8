"""Snapshots: what was frozen, and what learned from it."""

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.models import Snapshot
from labeling.views.common import project_of


@require_safe
@requires(Permission.VIEW_PROJECTS)
def snapshot_list(request: MemberRequest, project_id: int) -> HttpResponse:
    """The project's snapshots, newest first."""
    project = project_of(request.member, project_id)
    snapshots = Snapshot.objects.for_member(request.member).filter(project=project).select_related("created_by")
    context = {
        "project": project,
        "tab": "snapshots",
        "page": page_of(snapshots, before=request.GET.get("before")),
        "new_judgements": services.new_judgements_since_snapshot(project),
    }
    return render(request, "labeling/snapshots.html", context)


@require_safe
@requires(Permission.VIEW_PROJECTS)
def snapshot(request: MemberRequest, project_id: int, snapshot_id: int) -> HttpResponse:
    """One snapshot with its manifest."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(
        Snapshot.objects.for_member(request.member).select_related("created_by"), pk=snapshot_id, project=project
    )
    # The manifest names every judgement: the page shows how many, the file on disk has them.
    manifest = {name: value for name, value in found.manifest.items() if not isinstance(value, list)}
    context = {
        "project": project,
        "tab": "snapshots",
        "snapshot": found,
        "files": manifest.pop("files", {}),
        "manifest": manifest,
    }
    return render(request, "labeling/snapshot.html", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def freeze(request: MemberRequest, project_id: int) -> HttpResponse:
    """Freeze what stands now."""
    project = project_of(request.member, project_id)
    made = services.freeze_snapshot(project=project, by=request.member)
    messages.success(request, f"Frozen: {made.judgement_count} judgements, none of which can change in it.")
    return redirect("snapshot", project.pk, made.pk)


@require_safe
@requires(Permission.EXPORT)
def snapshot_file(request: MemberRequest, project_id: int, snapshot_id: int, name: str) -> FileResponse:
    """One of the frozen files, as it was frozen."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(Snapshot.objects.for_member(request.member), pk=snapshot_id, project=project)
    opened = services.open_snapshot_file(snapshot=found, by=request.member, name=name)
    return FileResponse(opened, as_attachment=True, filename=f"{project.slug}-{found.content_hash[:12]}-{name}")
