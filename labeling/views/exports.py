"""The judgements as a file, streamed."""

from django.http import Http404, StreamingHttpResponse
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from labeling import services
from labeling.views.common import project_of

# What the pages offer: format, file name's end, content type, words.
FORMATS = {
    "jsonl": ("jsonl", "application/x-ndjson", "Judgements, one JSON line each"),
    "preference": ("preference.jsonl", "application/x-ndjson", "Preferences for TRL: prompt, chosen, rejected"),
    "kto": ("kto.jsonl", "application/x-ndjson", "Single answers with a label, for KTO"),
    "sft": ("sft.jsonl", "application/x-ndjson", "Preferred answers, for fine-tuning"),
    "csv": ("csv", "text/csv; charset=utf-8", "A table for spreadsheets"),
}


@require_safe
@requires(Permission.EXPORT)
def project_export(request: MemberRequest, project_id: int) -> StreamingHttpResponse:
    """Stream one format; memory does not grow with the rows."""
    project = project_of(request.member, project_id)
    wanted = request.GET.get("format", "jsonl")
    if wanted not in FORMATS:
        raise Http404(f"There is no format {wanted}.")
    end, content_type, _ = FORMATS[wanted]
    response = StreamingHttpResponse(
        services.iter_export(project=project, format=wanted, by=request.member), content_type=content_type
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{project.slug}.{end}"'
    return response
