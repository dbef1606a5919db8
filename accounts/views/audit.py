"""The audit trail, newest first."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.models import AuditEvent
from accounts.paging import page_of
from accounts.permissions import Permission

# Verbs to filter by are those of so many newest events: listing all of them would read the whole trail.
RECENT = 2000


@require_safe
@requires(Permission.VIEW_AUDIT)
def audit(request: MemberRequest) -> HttpResponse:
    """A page of events, of one verb if asked."""
    events = AuditEvent.objects.for_member(request.member)
    recent = events.order_by("-pk").values("verb")[:RECENT]
    verb = request.GET.get("verb", "")
    chosen = events.filter(verb=verb) if verb else events
    context = {
        "nav": "audit",
        "verb": verb,
        "verbs": sorted({row["verb"] for row in recent} | ({verb} if verb else set())),
        "page": page_of(chosen.select_related("actor"), before=request.GET.get("before")),
    }
    return render(request, "accounts/audit.html", context)
