"""Webhooks: the list, a new one, one of them and what can be done with it."""

from django.contrib import messages
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from webhooks import services
from webhooks.forms import DeleteForm, WebhookForm
from webhooks.models import Webhook, WebhookDelivery
from webhooks.views.common import show_webhook, webhook_of


@require_safe
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_list(request: MemberRequest) -> HttpResponse:
    """Each with when it last heard something, and its dead letters."""
    own = WebhookDelivery.objects.filter(webhook=OuterRef("pk"))
    # By the indexes of each webhook: joined and grouped, every delivery ever made would be read.
    rows = Webhook.objects.for_member(request.member).annotate(
        dead_count=Subquery(own.dead().order_by().values("webhook").annotate(count=Count("pk")).values("count")),
        last_delivered_at=Subquery(own.delivered().order_by("-pk").values("delivered_at")[:1]),
    )
    return render(request, "webhooks/list.html", {"nav": "webhooks", "webhooks": rows})


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_new(request: MemberRequest) -> HttpResponse:
    """Set one up; its secret is on the answer to this request and nowhere else."""
    asked = {"project_id": request.GET.get("project", "")}
    form = WebhookForm(request.POST) if request.method == "POST" else WebhookForm(initial=asked)
    if form.is_valid():
        with shown_on(form):
            webhook, secret = services.create_webhook(by=request.member, **form.cleaned_data)
            return show_webhook(request, webhook, new_secret=secret)
    context = {"nav": "webhooks", "form": form}
    return render(request, "webhooks/new.html", context, status=422 if form.errors else 200)


@require_safe
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_page(request: MemberRequest, webhook_id: int) -> HttpResponse:
    return show_webhook(request, webhook_of(request, webhook_id))


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_change(request: MemberRequest, webhook_id: int) -> HttpResponse:
    webhook, form = webhook_of(request, webhook_id), WebhookForm(request.POST)
    if form.is_valid():
        with shown_on(form):
            services.change_webhook(webhook=webhook, by=request.member, **form.cleaned_data)
            messages.success(request, "The webhook is changed.")
            return redirect("webhook", webhook.pk)
    return show_webhook(request, webhook, form=form, status=422)


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_switch(request: MemberRequest, webhook_id: int) -> HttpResponse:
    """Off, or on again, as the button said."""
    webhook = webhook_of(request, webhook_id)
    is_on = request.POST.get("to") == "on"
    services.change_webhook(webhook=webhook, by=request.member, is_active=is_on)
    on = f"{webhook.name} is on: what waited for it is sent now."
    messages.success(
        request, on if is_on else f"{webhook.name} is off: it is told of nothing that happens from now on."
    )
    return redirect("webhook", webhook.pk)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_rotate(request: MemberRequest, webhook_id: int) -> HttpResponse:
    """A new secret, on the answer to this request and nowhere else."""
    webhook = webhook_of(request, webhook_id)
    if request.method == "GET":
        return redirect("webhook", webhook.pk)
    _, secret = services.rotate_secret(webhook=webhook, by=request.member)
    return show_webhook(request, webhook_of(request, webhook_id), new_secret=secret, rotated=True)


@require_POST
@requires(Permission.MANAGE_WEBHOOKS)
def webhook_delete(request: MemberRequest, webhook_id: int) -> HttpResponse:
    """Gone, with its deliveries, once its name was typed."""
    webhook, form = webhook_of(request, webhook_id), DeleteForm(request.POST, prefix="delete")
    if form.is_valid():
        with shown_on(form):
            services.delete_webhook(webhook=webhook, by=request.member, **form.cleaned_data)
            messages.success(request, f"{webhook.name} is deleted.")
            return redirect("webhook-list")
    return show_webhook(request, webhook, delete_form=form, status=422)
