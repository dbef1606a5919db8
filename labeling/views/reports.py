"""What annotators report: the manager's list with its answers, and everybody's own."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.models import Report
from labeling.views.common import project_of


@require_safe
@requires(Permission.REVIEW)
def reports(request: MemberRequest, project_id: int) -> HttpResponse:
    """The open ones, or those that were answered; newest first."""
    project = project_of(request.member, project_id)
    found = Report.objects.filter(project=project).select_related("by", "resolved_by", "item__prompt")
    answered = request.GET.get("state") == "answered"
    found = found.filter(resolved_at__isnull=False) if answered else found.open()
    context = {
        "project": project,
        "tab": "items",
        "part": "reports",
        "page": page_of(found, before=request.GET.get("before")),
        "answered": answered,
    }
    return render(request, "labeling/reports.html", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def resolve(request: MemberRequest, project_id: int, report_id: int) -> HttpResponse:
    """Answer a report; the annotator sees the answer."""
    project = project_of(request.member, project_id)
    report = get_object_or_404(Report.objects.for_member(request.member), pk=report_id, project=project)
    services.resolve_report(report=report, by=request.member, answer=request.POST.get("answer", ""))
    messages.success(request, f"Answered: {report.by.display_name} sees it.")
    return redirect("project-reports", project.pk)


@never_cache
@require_safe
@requires(Permission.JUDGE)
def my_reports(request: MemberRequest) -> HttpResponse:
    """One's own reports in all projects, and what was answered."""
    mine = Report.objects.for_member(request.member).filter(by=request.member.user)
    page = page_of(mine.select_related("project", "resolved_by", "item__prompt"), before=request.GET.get("before"))
    services.mark_reports_read(request.member)
    return render(request, "labeling/my_reports.html", {"nav": "projects", "page": page})
