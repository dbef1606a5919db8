"""Making items by rules: counted first, then made, and watched when there are many."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.models import ItemMaking, Project
from labeling.project_forms import ItemRulesForm
from labeling.services.item_rules import default_rules, model_names
from labeling.views.common import project_of


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def make_items(request: MemberRequest, project_id: int) -> HttpResponse:
    """Rules for new items; first counted, then made."""
    project = project_of(request.member, project_id)
    usual = default_rules(project)
    initial = {"kind": usual.kind, "policy": usual.policy, "items_per_prompt": usual.items_per_prompt}
    posted = request.POST if request.method == "POST" else None
    form = ItemRulesForm(posted, initial=initial, models=model_names(project))
    working = ItemMaking.objects.filter(project=project, state=ItemMaking.State.WORKING).first()
    context = {"project": project, "tab": "items", "part": "make", "form": form, "making": working}
    if form.is_valid():
        with shown_on(form):
            if "count" in request.POST:
                context["would_make"] = services.count_items(project=project, by=request.member, **form.rules())
            else:
                making = services.begin_making(project=project, by=request.member, **form.rules())
                if making.state != ItemMaking.State.DONE:
                    return redirect("items-making", project.pk, making.pk)
                if making.made:
                    told = f"{making.made:,} item{'' if making.made == 1 else 's'} made. Annotators get them now."
                    messages.success(request, told)
                    return redirect("project-items", project.pk)
                context["would_make"] = 0
    return render(request, "labeling/items_make.html", context, status=422 if form.errors else 200)


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def items_making(request: MemberRequest, project_id: int, making_id: int) -> HttpResponse:
    """How far the making of items is, and how to stop it; at its end what came of it."""
    project = project_of(request.member, project_id)
    making = _making(request, project, making_id)
    context = {"project": project, "tab": "items", "part": "make", "making": making}
    whole = not request.htmx  # type: ignore[attr-defined]
    return render(request, f"labeling/items_making.html{'' if whole else '#live'}", context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def making_cancel(request: MemberRequest, project_id: int, making_id: int) -> HttpResponse:
    """Make no more; what is made stays."""
    project = project_of(request.member, project_id)
    services.cancel_making(making=_making(request, project, making_id), by=request.member)
    return redirect("items-making", project.pk, making_id)


def _making(request: MemberRequest, project: Project, making_id: int) -> ItemMaking:
    rows = ItemMaking.objects.for_member(request.member).select_related("project", "by")
    found: ItemMaking = get_object_or_404(rows, pk=making_id, project=project)
    return found
