"""The annotator's desk: one item at a time, and one request a judgement.

Every step is a plain form post that redirects to the desk; to htmx the same step answers with the next card.
"""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.desk_card import VERDICTS, judged_today, lay_out
from labeling.forms import FLAGS, DraftForm, VerdictForm
from labeling.models import Assignment, Project
from labeling.views.common import project_of


def _assignment(request: MemberRequest, project_id: int, assignment_id: int) -> Assignment:
    mine = Assignment.objects.for_member(request.member).for_annotator(request.member.user)
    found: Assignment = get_object_or_404(
        mine.select_related("project", "item__prompt"), pk=assignment_id, project_id=project_id
    )
    return found


def _show(
    request: MemberRequest,
    project: Project,
    assignment: Assignment | None,
    *,
    form: VerdictForm | None = None,
    said: str = "",
) -> HttpResponse:
    """The card, alone for htmx and in its page otherwise; `said` is announced and shown for a moment."""
    context = {
        "project": project,
        "tab": "desk",
        "card": lay_out(assignment) if assignment else None,
        "form": form,
        "said": said,
        "verdicts": VERDICTS,
        "flags": FLAGS,
        "today": judged_today(project=project, by=request.member),
        "heartbeat_seconds": max(15, min(60, project.lease_minutes * 20)),
    }
    template = "labeling/desk.html#card" if request.htmx else "labeling/desk.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=422 if form else 200)


def _next(request: MemberRequest, project: Project, *, said: str = "") -> HttpResponse:
    """The next card; without htmx a redirect, so that reloading the page does not send the form again."""
    if not request.htmx:  # type: ignore[attr-defined]
        if said:
            messages.info(request, said)
        return redirect("desk", project.pk)
    return _show(request, project, _lease(request, project), said=said)


def _lease(request: MemberRequest, project: Project) -> Assignment | None:
    return None if project.paused_at else services.lease_next(project=project, by=request.member)


@never_cache
@require_safe
@requires(Permission.JUDGE)
def desk(request: MemberRequest, project_id: int) -> HttpResponse:
    """The page, with an item on it if there is one for this person; `?item=` is one they hold already."""
    project = project_of(request.member, project_id)
    held = request.GET.get("item", "")
    if held.isdecimal() and len(held) < 19:
        mine = Assignment.objects.for_member(request.member).for_annotator(request.member.user).leased()
        assignment = mine.select_related("project", "item__prompt").filter(project=project, pk=int(held)).first()
        if assignment is not None:
            return _show(request, project, assignment)
    return _show(request, project, _lease(request, project))


@require_POST
@requires(Permission.JUDGE)
def submit(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Store the verdict; answer with the next card. What is refused comes back on the card, with all that was typed."""
    assignment = _assignment(request, project_id, assignment_id)
    form = VerdictForm(request.POST)
    if form.is_valid():
        with shown_on(form):
            comparison = services.submit_comparison(assignment=assignment, by=request.member, **form.judgement())
    if not form.errors:
        surplus = "Stored as an extra: others had judged this item while its time was over."
        return _next(request, assignment.project, said=surplus if comparison.is_surplus else "Stored.")
    assignment.refresh_from_db()
    assignment.draft = {
        "verdict": request.POST.get("verdict", ""),
        "reason": request.POST.get("reason", ""),
        "flags": request.POST.getlist("flags"),
        "active_ms": form.cleaned_data.get("active_ms"),
    }
    return _show(request, assignment.project, assignment, form=form)


@require_POST
@requires(Permission.JUDGE)
def skip(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Leave the item to somebody else."""
    assignment = _assignment(request, project_id, assignment_id)
    reason = request.POST.get("reason", "")[:200]
    services.skip_assignment(assignment=assignment, by=request.member, reason=reason)
    return _next(request, assignment.project, said="Skipped. Somebody else will judge it.")


@require_POST
@requires(Permission.JUDGE)
def undo(request: MemberRequest, project_id: int) -> HttpResponse:
    """Take the last verdict back and show its item again, with what was said."""
    project = project_of(request.member, project_id)
    assignment = services.undo_last(project=project, by=request.member)
    if assignment is None:
        return _next(request, project, said="There is nothing to take back.")
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(reverse("desk", args=[project.pk]) + f"?item={assignment.pk}")
    return _show(request, project, assignment, said="Taken back. Judge it again.")


@require_POST
@requires(Permission.JUDGE)
def heartbeat(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """The page is still open: keep the item for this person."""
    services.renew_lease(assignment=_assignment(request, project_id, assignment_id), by=request.member)
    return HttpResponse(status=204)


@require_POST
@requires(Permission.JUDGE)
def draft(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Keep what is on the card and not yet sent."""
    assignment = _assignment(request, project_id, assignment_id)
    form = DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponse("The draft is too long to keep.", status=422, content_type="text/plain")
    services.save_draft(assignment=assignment, by=request.member, draft=form.draft())
    return HttpResponse(status=204)
