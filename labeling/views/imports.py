"""Prompts and responses into a project, from a file or from the clipboard."""

from collections.abc import Iterable

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling.enqueue import send_on_commit
from labeling.import_forms import ColumnsForm, ImportForm
from labeling.importing.formats import FORMATS
from labeling.models import FileImport
from labeling.services import file_imports
from labeling.tasks import run_file_import_task
from labeling.views.common import project_of

SHOWN_IMPORTS = 10


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_import(request: MemberRequest, project_id: int) -> HttpResponse:
    """The form, and the last imports. What is given is kept first; its own page shows what becomes of it."""
    project = project_of(request.member, project_id)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if form.is_valid():
        given = form.cleaned_data
        with shown_on(form):
            made = file_imports.accept_upload(
                project=project, by=request.member, name=given["file"].name if given["file"] else "pasted lines",
                chunks=_chunks(form), make_items=given["make_items"], format=given["format"],
            )  # fmt: skip
            _begin(made)
            return redirect("project-import-report", project.pk, made.pk)
    context = {
        "project": project,
        "tab": "prompts",
        "form": form,
        "imports": FileImport.objects.filter(project=project)[:SHOWN_IMPORTS],
    }
    return render(request, "labeling/import.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def import_report(request: MemberRequest, project_id: int, import_id: int) -> HttpResponse:
    """One import: its columns to be chosen, how far it is, or what became of each row."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(FileImport.objects.for_member(request.member).filter(project=project), pk=import_id)
    context = {
        "project": project,
        "tab": "prompts",
        "import": found,
        "report": found.report,
        "format": FORMATS.get(found.format, found.format),
        "has_rejected_file": found.rejected_file.exists(),
    }
    if found.state != FileImport.State.CHOOSING:
        whole = not request.htmx  # type: ignore[attr-defined]
        return render(request, f"labeling/import_report.html{'' if whole else '#live'}", context)
    sniffed = file_imports.look_at(found)
    form = ColumnsForm(request.POST if request.method == "POST" else None, sniffed=sniffed)
    if form.is_valid():
        with shown_on(form):
            file_imports.choose_columns(file_import=found, by=request.member, columns=form.columns())
            _begin(found)
            return redirect("project-import-report", project.pk, found.pk)
    sample = [[row.get(name, "") for name in sniffed.names] for row in sniffed.sample]
    context |= {"form": form, "names": sniffed.names, "sample": sample}
    return render(request, "labeling/import_columns.html", context, status=422 if form.errors else 200)


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def import_rejected(request: MemberRequest, project_id: int, import_id: int) -> HttpResponseBase:
    """The rejected rows as a table."""
    project = project_of(request.member, project_id)
    found = get_object_or_404(FileImport.objects.for_member(request.member).filter(project=project), pk=import_id)
    if not found.rejected_file.exists():
        raise Http404("No row of this import was rejected.")
    return FileResponse(
        found.rejected_file.open("rb"), as_attachment=True, filename=f"{project.slug}-rejected-{found.pk}.csv",
        content_type="text/csv; charset=utf-8",
    )  # fmt: skip


def _begin(made: FileImport) -> None:
    """At once where that takes no longer than a page may, else by a worker."""
    if made.state != FileImport.State.WAITING:
        return
    if made.size <= file_imports.SMALL_BYTES:
        file_imports.run_file_import(made.pk)
    else:
        send_on_commit(run_file_import_task, made.pk)


def _chunks(form: ImportForm) -> Iterable[bytes]:
    file = form.cleaned_data["file"]
    chunks: Iterable[bytes] = file.chunks() if file else iter([form.cleaned_data["pasted"].encode(errors="replace")])
    return chunks
