"""Prompts and responses into a project, from a file or from the clipboard."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.forms import ImportForm
from labeling.importing.lines import bounded_lines
from labeling.views.common import project_of


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_import(request: MemberRequest, project_id: int) -> HttpResponse:
    """The form, and what became of each line."""
    project = project_of(request.member, project_id)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    context = {"project": project, "tab": "prompts", "form": form}
    if form.is_valid():
        with shown_on(form):
            context["report"] = services.import_records(
                project=project,
                by=request.member,
                lines=_lines(form),
                make_items=form.cleaned_data["make_items"],
            )
            return render(request, "labeling/import.html", context | {"form": ImportForm()})
    return render(request, "labeling/import.html", context, status=422 if form.errors else 200)


def _lines(form: ImportForm) -> Iterable[bytes]:
    file = form.cleaned_data["file"]
    return bounded_lines(file.chunks() if file else iter([form.cleaned_data["pasted"].encode()]))
