"""What was sent to a webhook, what waits, and the dead letters."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from webhooks import services
from webhooks.views.common import deliveries_of, webhook_of


@require_safe
@requires(Permission.MANAGE_WEBHOOKS)
def delivery_list(request: MemberRequest, webhook_id: int) -> HttpResponse:
    """The section of the page, while something in it is on its way."""
    return render(request, "webhooks/deliveries.html", deliveries_of(request, webhook_of(request, webhook_id)))


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_test(request: MemberRequest, webhook_id: int) -> HttpResponse:
    services.send_test(webhook=webhook_of(request, webhook_id), by=request.member)
    messages.success(request, "A test event is on its way: see below what comes of it.")
    return redirect("webhook", webhook_id)


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def send_again(request: MemberRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    webhook = webhook_of(request, webhook_id)
    delivery = get_object_or_404(webhook.deliveries.select_related("webhook"), pk=delivery_id)
    services.send_again(delivery=delivery, by=request.member)
    messages.success(request, "It is on its way again.")
    return redirect("webhook", webhook_id)


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def send_all_again(request: MemberRequest, webhook_id: int) -> HttpResponse:
    count = services.send_all_again(webhook=webhook_of(request, webhook_id), by=request.member)
    messages.success(request, f"{count} dead letter{' is' if count == 1 else 's are'} on the way again.")
    return redirect("webhook", webhook_id)
