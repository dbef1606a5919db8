"""What a project asks: its kind, scales, axes, flags, reasons."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.design_form import RATING_TYPES, read_design, rows_of_design, rows_of_form, said_otherwise
from labeling.kinds import all_kinds
from labeling.kinds.design import FLAGS, design_of
from labeling.models import Item, Project
from labeling.views.common import project_of


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_design(request: MemberRequest, project_id: int) -> HttpResponse:
    """The form; the button "rows" adds or takes away a row and changes nothing yet."""
    project = project_of(request.member, project_id)
    before = design_of(project).as_json()
    if request.method != "POST":
        return _show(request, project, before, rows_of_design(before))
    rows = rows_of_form(request.POST)
    form = forms.Form(request.POST)
    if "rows" not in request.POST and form.is_valid():
        with shown_on(form):
            changed = services.update_project(
                project=project, by=request.member, design=read_design(request.POST, rows)
            )
            messages.success(request, "What is asked is changed. It holds for everything that is judged from now on.")
            for warning in services.change_warnings(changed, before):
                messages.warning(request, warning.message)
            return redirect("project-design", project.pk)
    return _show(request, project, said_otherwise(request.POST), rows, form)


def _show(
    request: MemberRequest, project: Project, design: dict[str, Any], rows: Any, form: forms.Form | None = None
) -> HttpResponse:
    context = {
        "project": project,
        "tab": "settings",
        "design": design,
        "rows": rows,
        "form": form,
        "kinds": all_kinds().values(),
        "reasons": [("off", "Not asked for"), ("optional", "May be given"), ("required", "Must be given")],
        "strengths": [(1, "Only which is better"), (2, "Slightly or much better"), (3, "Slightly, clearly or much")],
        "rating_types": RATING_TYPES,
        "common_flags": FLAGS.values(),
        "an_item": Item.objects.filter(project=project).order_by("-pk").first(),
        "pressed": request.POST.get("rows", ""),
    }
    refused = form is not None and bool(form.errors)
    return render(request, "labeling/project_design.html", context, status=422 if refused else 200)
