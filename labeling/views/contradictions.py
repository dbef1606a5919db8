"""Where the reward model contradicts the annotators most, for managers."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling.models import BulkAction, Project
from labeling.services.contradictions import ask_second_opinion, contradictions_of, with_what_was_said
from labeling.views.common import project_of

PAGE = 25


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def contradictions(request: MemberRequest, project_id: int) -> HttpResponse:
    """The judgements, the surest contradiction first, with what was said and what the model expects."""
    project = project_of(request.member, project_id)
    page = Paginator(contradictions_of(project), PAGE).get_page(request.GET.get("page"))
    lately = BulkAction.objects.filter(project=project, act=BulkAction.Act.OVERLAP).select_related("by", "undone_by")
    context = {
        "project": project,
        "tab": "items",
        "part": "contradictions",
        "page": page,
        "rows": with_what_was_said(page.object_list),
        "lately": [action for action in lately.order_by("-pk")[:5] if action.is_recent],
    }
    return render(request, "labeling/contradictions.html", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def second_opinion(request: MemberRequest, project_id: int) -> HttpResponse:
    """One person more for each chosen item."""
    project = project_of(request.member, project_id)
    ids = [int(pk) for pk in request.POST.getlist("item") if pk.isdecimal() and len(pk) < 19]
    if not ids:
        messages.warning(request, "Nobody was asked: choose at least one judgement first.")
        return _back(request, project)
    done = ask_second_opinion(project=project, by=request.member, item_ids=ids)
    changed = sum(action.changed for action in done)
    if changed:
        messages.success(request, f"{changed} item{'' if changed == 1 else 's'} will be judged by one person more.")
    else:
        messages.info(request, "Nothing was changed: somebody is asked for these already.")
    return _back(request, project)


def _back(request: MemberRequest, project: Project) -> HttpResponse:
    """To the page of the list that the choice was made on."""
    page = request.GET.get("page", "")
    address = reverse("contradictions", args=[project.pk])
    return redirect(f"{address}?page={page}" if page.isdecimal() else address)
