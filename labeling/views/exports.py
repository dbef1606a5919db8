"""The judgements as a file, streamed."""

from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.export_forms import ExportForm
from labeling.exporting.filters import read_filter
from labeling.models import Project
from labeling.views.common import project_of

# What the pages offer: format, file name's end, content type, words.
FORMATS = {
    "jsonl": ("jsonl", "application/x-ndjson", "Judgements, one JSON line each"),
    "preference": ("preference.jsonl", "application/x-ndjson", "Preferences for TRL: prompt, chosen, rejected"),
    "kto": ("kto.jsonl", "application/x-ndjson", "Single answers with a label, for KTO"),
    "sft": ("sft.jsonl", "application/x-ndjson", "Preferred answers, for fine-tuning"),
    "csv": ("csv", "text/csv; charset=utf-8", "A table for spreadsheets"),
    "imported": ("imported.jsonl", "application/x-ndjson", "Verdicts that came with imported files: no judgements"),
    "parquet": ("parquet", "application/vnd.apache.parquet", "A table as Parquet"),
}


@require_safe
@requires(Permission.EXPORT)
def project_export(request: MemberRequest, project_id: int) -> HttpResponseBase:
    """What may be chosen; with a format in the address, the file itself, whose memory does not grow with its rows."""
    project = project_of(request.member, project_id)
    wanted = request.GET.get("format")
    if wanted is None:
        return _page(request, project, _form())
    if wanted not in FORMATS:
        raise Http404(f"There is no format {wanted}.")
    end, content_type, _ = FORMATS[wanted]
    form = _form(request.GET)
    form.full_clean()
    with shown_on(form):
        limits = read_filter(request.GET, request.GET.getlist("annotator"))
        blocks = services.iter_export(project=project, format=wanted, by=request.member, limits=limits)
        response = StreamingHttpResponse(blocks, content_type=content_type)
        response.headers["Content-Disposition"] = f'attachment; filename="{project.slug}.{end}"'
        return response
    return _page(request, project, form, status=422)


def _form(query: QueryDict | None = None) -> ExportForm:
    formats = [(name, words) for name, (_, _, words) in FORMATS.items()]
    return ExportForm(query, formats=formats)


def _page(request: MemberRequest, project: Project, form: ExportForm, status: int = 200) -> HttpResponse:
    context = {"project": project, "tab": "overview", "form": form}
    return render(request, "labeling/export.html", context, status=status)
