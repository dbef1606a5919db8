"""The judgements as a file, streamed."""

from django.http import Http404, StreamingHttpResponse
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling import services
from labeling.exporting.filters import read_filter
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
def project_export(request: MemberRequest, project_id: int) -> StreamingHttpResponse:
    """Stream one format, with the filters of `read_filter`; memory does not grow with the rows."""
    project = project_of(request.member, project_id)
    wanted = request.GET.get("format", "jsonl")
    if wanted not in FORMATS:
        raise Http404(f"There is no format {wanted}.")
    end, content_type, _ = FORMATS[wanted]
    limits = read_filter(request.GET, request.GET.getlist("annotator"))
    blocks = services.iter_export(project=project, format=wanted, by=request.member, limits=limits)
    response = StreamingHttpResponse(blocks, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{project.slug}.{end}"'
    return response
