"""The annotator's desk: one item at a time, and one request a judgement.

Every step is a plain form post that redirects to the desk; to the desk's script the same step answers with a card: the
next one, which the script keeps in reserve behind the item on the screen (`reserve=1`, `showing=<that item>`, and
`beside=<item>` for each that it has in hand besides).
"""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.desk_card import KEY_ACTIONS, SKIP_REASONS, judged_today, lay_out, shown_texts
from labeling.forms import DraftForm, JudgementForm, PreferencesForm
from labeling.kinds import kind_of
from labeling.kinds.design import design_of
from labeling.models import Assignment, Project
from labeling.views.common import project_of


def _assignment(request: MemberRequest, project_id: int, assignment_id: int) -> Assignment:
    found = services.load_assignment(assignment_id, by=request.member)
    if found.project_id != project_id or found.annotator_id != request.member.user_id:
        raise Http404("There is no such assignment.")
    return found


def _show(
    request: MemberRequest,
    project: Project,
    assignment: Assignment | None,
    *,
    form: JudgementForm | None = None,
    said: str = "",
    why_nothing: str = "",
) -> HttpResponse:
    """The card, alone for the script and in its page otherwise; `said` is announced and shown for a moment."""
    context: dict[str, Any] = {
        "project": project,
        "tab": "desk",
        "card": lay_out(assignment) if assignment else None,
        "form": form,
        "said": said,
        "why_nothing": why_nothing,
        "today": judged_today(project=project, by=request.member),
        "heartbeat_seconds": max(15, min(60, project.lease_minutes * 20)),
    }
    status = 422 if form else 200
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "labeling/desk.html#card", context, status=status)
    liked = services.profile_of(request.member).preferences
    context |= {"preferences": liked, "preferences_json": json.dumps(liked)}
    context |= {"key_actions": KEY_ACTIONS, "skip_reasons": SKIP_REASONS}
    return render(request, "labeling/desk.html", context, status=status)


def _next(request: MemberRequest, project: Project, *, said: str = "") -> HttpResponse:
    """The next card; without the script a redirect, so that reloading the page does not send the form again."""
    if not request.htmx:  # type: ignore[attr-defined]
        if said:
            messages.info(request, said)
        return redirect("desk", project.pk)
    return _offer(request, project, request.POST, said=said)


def _offer(request: MemberRequest, project: Project, asked: QueryDict, *, said: str = "") -> HttpResponse:
    offer = services.offer_next(project=project, by=request.member, **_asked(asked))
    return _show(request, project, offer.assignment, said=said, why_nothing=offer.why)


def _asked(asked: QueryDict) -> dict[str, Any]:
    """Which item the script asks for: another one than what it has, and whether that is to be in reserve."""
    beside = [item for item in map(_number, asked.getlist("beside")) if item]
    return {"beside": beside, "showing": _number(asked.get("showing", "")), "in_reserve": asked.get("reserve") == "1"}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


@never_cache
@require_safe
@requires(Permission.JUDGE)
def desk(request: MemberRequest, project_id: int) -> HttpResponse:
    """The page, with an item on it if there is one for this person; `?item=` is one they hold already."""
    project = project_of(request.member, project_id)
    held = _number(request.GET.get("item", ""))
    if held:
        mine = Assignment.objects.for_member(request.member).for_annotator(request.member.user).leased()
        assignment = mine.select_related("project", "item__prompt").filter(project=project, pk=held).first()
        if assignment is not None:
            return _show(request, project, assignment)
    offer = services.offer_next(project=project, by=request.member)
    return _show(request, project, offer.assignment, why_nothing=offer.why)


@never_cache
@require_POST
@requires(Permission.JUDGE)
def following(request: MemberRequest, project_id: int) -> HttpResponse:
    """A card for the script: to be shown, or to be kept in reserve."""
    return _offer(request, project_of(request.member, project_id), request.POST)


@require_POST
@requires(Permission.JUDGE)
def submit(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Store the verdict; answer with the next card. What is refused comes back on the card, with all that was typed."""
    assignment = _assignment(request, project_id, assignment_id)
    form = JudgementForm(request.POST, design=design_of(assignment.project))
    said = _said(request, assignment)
    if form.is_valid():
        asked = _asked(request.POST)
        with shown_on(form):
            judgement, offer = services.submit_and_offer(
                assignment=assignment, by=request.member, said=said, **asked, **form.common()
            )
    if not form.errors:
        surplus = "Stored as an extra: others had judged this item while its time was over."
        told = surplus if judgement.is_surplus else "Stored."
        if not request.htmx:  # type: ignore[attr-defined]
            messages.info(request, told)
            return redirect("desk", project_id)
        return _show(request, assignment.project, offer.assignment, said=told, why_nothing=offer.why)
    assignment.refresh_from_db()
    assignment.draft = said | {
        "reason": request.POST.get("reason", ""),
        "flags": [*request.POST.getlist("flags"), *form.cleaned_data.get("marked", [])],
        "active_ms": form.cleaned_data.get("active_ms"),
    }
    return _show(request, assignment.project, assignment, form=form)


def _said(request: MemberRequest, assignment: Assignment) -> dict[str, Any]:
    kind = kind_of(assignment.item.kind)
    return kind.read_form(request.POST, design=design_of(assignment.project).kinds[kind.name])


@require_POST
@requires(Permission.JUDGE)
def skip(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Leave the item to somebody else."""
    assignment = _assignment(request, project_id, assignment_id)
    reason = request.POST.get("skip_reason", "")[:200]
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
    form = DraftForm(request.POST, design=design_of(assignment.project))
    if not form.is_valid():
        return HttpResponse("The draft is too long to keep.", status=422, content_type="text/plain")
    services.save_draft(assignment=assignment, by=request.member, draft=_said(request, assignment) | form.common())
    return HttpResponse(status=204)


@require_POST
@requires(Permission.JUDGE)
def release(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Give the item back unjudged: it was in reserve, or the person leaves."""
    services.release(assignment=_assignment(request, project_id, assignment_id), by=request.member)
    return HttpResponse(status=204)


@require_POST
@requires(Permission.JUDGE)
def report(request: MemberRequest, project_id: int, assignment_id: int) -> HttpResponse:
    """Tell the manager; the item stays where it is."""
    assignment = _assignment(request, project_id, assignment_id)
    services.report_item(assignment=assignment, by=request.member, note=request.POST.get("note", ""))
    return HttpResponse(status=204)


@never_cache
@require_safe
@requires(Permission.JUDGE)
def texts(request: MemberRequest, project_id: int, assignment_id: int) -> JsonResponse:
    """The answers as they were written, in the order shown: where in them a selected passage stands."""
    assignment = _assignment(request, project_id, assignment_id)
    return JsonResponse({"texts": shown_texts(assignment.item, assignment.shown_order)})


@require_POST
@requires(Permission.JUDGE)
def preferences(request: MemberRequest, project_id: int) -> HttpResponse:
    """How this person likes the desk; kept for every device."""
    project_of(request.member, project_id)
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return HttpResponse("These settings cannot be kept.", status=422, content_type="text/plain")
    services.set_preferences(by=request.member, **form.changes())
    return HttpResponse(status=204)
