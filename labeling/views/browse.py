"""What a project holds: prompts with their responses, and items with their state."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.models import Assignment, Item, Prompt
from labeling.views.common import project_of


@require_safe
@requires(Permission.VIEW_PROJECTS)
def prompts(request: MemberRequest, project_id: int) -> HttpResponse:
    """A page of prompts, newest first."""
    project = project_of(request.member, project_id)
    page = page_of(Prompt.objects.filter(project=project), before=request.GET.get("before"))
    # Counted for the rows of this page alone.
    counted = Prompt.objects.filter(pk__in=[row.pk for row in page.rows]).annotate(n=Count("responses"))
    counts = dict(counted.values_list("pk", "n"))
    rows = [(row, counts[row.pk]) for row in page.rows]
    context = {"project": project, "tab": "prompts", "page": page, "rows": rows}
    return render(request, "labeling/prompts.html", context)


@require_safe
@requires(Permission.VIEW_PROJECTS)
def prompt(request: MemberRequest, project_id: int, prompt_id: int) -> HttpResponse:
    """One prompt with its responses and where each came from. The desk never shows the latter."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(Prompt.objects.for_member(request.member), pk=prompt_id, project=project)
    context = {"project": project, "tab": "prompts", "prompt": found, "responses": found.responses.order_by("pk")[:50]}
    return render(request, "labeling/prompt.html", context)


@require_safe
@requires(Permission.VIEW_PROJECTS)
def items(request: MemberRequest, project_id: int) -> HttpResponse:
    """A page of items, newest first, all or only those with an open slot."""
    project = project_of(request.member, project_id)
    found = Item.objects.filter(project=project)
    state = request.GET.get("state", "")
    if state == "open":
        found = found.open()
    elif state == "done":
        found = found.filter(open_slots=0)
    page = page_of(found.select_related("prompt"), before=request.GET.get("before"))
    counted = Item.objects.filter(pk__in=[row.pk for row in page.rows]).annotate(
        judged=Count("assignments", filter=Q(assignments__state=Assignment.State.JUDGED)),
        leased=Count("assignments", filter=Q(assignments__state=Assignment.State.LEASED)),
    )
    counts = {row.pk: row for row in counted}
    rows = [(row, counts[row.pk]) for row in page.rows]
    context = {"project": project, "tab": "items", "page": page, "rows": rows, "state": state}
    return render(request, "labeling/items.html", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def make_items(request: MemberRequest, project_id: int) -> HttpResponse:
    """Pair the responses of every prompt that has two or more."""
    project = project_of(request.member, project_id)
    made = services.make_items(project=project, by=request.member, policy=project.selection_policy)
    if made:
        messages.success(request, f"{made} item{'' if made == 1 else 's'} made. Annotators get them now.")
    else:
        messages.info(request, "No new items: every prompt with two responses has its item. Add responses first.")
    return redirect("project-items", project.pk)
