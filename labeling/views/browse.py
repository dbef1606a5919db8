"""What a project holds: prompts with their responses, and what was said of them."""

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission, can
from labeling import services
from labeling.kinds.comparison.words import tell_imported
from labeling.models import Prompt
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
    """One prompt with its responses, where each came from, and what was said of them. The desk never shows these."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(Prompt.objects.for_member(request.member), pk=prompt_id, project=project)
    items = list(found.items.order_by("pk").prefetch_related("item_responses")[:50])
    may_review = can(request.member, Permission.REVIEW)
    said = services.judgements_of_items(project=project, by=request.member, items=items) if may_review else {}
    imported = services.imported_verdicts(prompt=found, by=request.member) if may_review else []
    responses = services.name_responses(found)[:100]
    names = {response.pk: name for name, response in responses}
    context = {
        "project": project,
        "tab": "prompts",
        "prompt": found,
        "responses": responses,
        "items": [
            (item, [names.get(each.response_id, "") for each in item.item_responses.all()], said.get(item.pk, []))
            for item in items
        ],
        "may_review": may_review,
        "imported": [(verdict, tell_imported(verdict, names)) for verdict in imported],
    }
    return render(request, "labeling/prompt.html", context)
