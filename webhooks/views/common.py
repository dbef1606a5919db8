"""One webhook's page, as its views put it together."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from accounts.decorators import MemberRequest
from accounts.paging import page_of
from webhooks.forms import DeleteForm, WebhookForm
from webhooks.models import STATES, Webhook


def webhook_of(request: MemberRequest, webhook_id: int) -> Webhook:
    rows = Webhook.objects.for_member(request.member).select_related("organisation", "created_by")
    found: Webhook = get_object_or_404(rows, pk=webhook_id)
    return found


def deliveries_of(request: MemberRequest, webhook: Webhook) -> dict[str, Any]:
    """A page of deliveries, in one state if asked."""
    state = request.GET.get("state", "")
    rows = getattr(webhook.deliveries, state)() if state in STATES else webhook.deliveries.all()
    page = page_of(rows, before=request.GET.get("before"), size=25)
    return {
        "webhook": webhook,
        "page": page,
        "state": state if state in STATES else "",
        "dead_count": webhook.deliveries.dead().count(),
        # Somebody who has just sent a test sees it arrive.
        "is_waiting": page.is_first and webhook.is_active and any(row.state == "pending" for row in page.rows),
    }


def show_webhook(request: MemberRequest, webhook: Webhook, *, status: int = 200, **given: Any) -> HttpResponse:
    now_set = {name: getattr(webhook, name) for name in WebhookForm.base_fields}
    context: dict[str, Any] = {
        "nav": "webhooks",
        "form": WebhookForm(initial=now_set),
        "delete_form": DeleteForm(prefix="delete"),
    }
    context |= deliveries_of(request, webhook)
    return render(request, "webhooks/webhook.html", context | given, status=status)
