"""Webhooks over the API."""

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.paging import page_of
from accounts.permissions import Permission
from webhooks import services
from webhooks.api.serializers import (
    DeleteWebhookSerializer,
    DeliverySerializer,
    NewWebhookSerializer,
    SecretWebhookSerializer,
    WebhookPatchSerializer,
    WebhookSerializer,
)
from webhooks.models import STATES, Webhook

PAGING = [
    OpenApiParameter("state", OpenApiTypes.STR, enum=list(STATES)),
    OpenApiParameter("before", OpenApiTypes.INT, description="`next` of the page before."),
]


def webhook_of(request: Request, webhook_id: int) -> Webhook:
    """The webhook, if it is the member's organisation's."""
    found: Webhook = get_object_or_404(Webhook.objects.for_member(member_of(request)), pk=webhook_id)
    return found


class WebhookView(APIView):
    required_permission = Permission.MANAGE_WEBHOOKS


class WebhookList(WebhookView):
    @extend_schema(operation_id="webhooks_list", responses=page_of_rows(WebhookSerializer))
    def get(self, request: Request) -> Response:
        """All of the organisation's: `{"results", "next"}`."""
        rows = Webhook.objects.for_member(member_of(request))
        return Response({"results": WebhookSerializer(rows, many=True).data, "next": None})

    @extend_schema(
        operation_id="webhooks_create", request=NewWebhookSerializer, responses={201: SecretWebhookSerializer}
    )
    def post(self, request: Request) -> Response:
        """Tell an address of events. `secret` is in this answer alone."""
        given = NewWebhookSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook, _ = services.create_webhook(by=member_of(request), **given.validated_data)
        return Response(SecretWebhookSerializer(webhook).data, status=201)


class WebhookDetail(WebhookView):
    @extend_schema(operation_id="webhooks_read", responses=WebhookSerializer)
    def get(self, request: Request, webhook_id: int) -> Response:
        """One webhook."""
        return Response(WebhookSerializer(webhook_of(request, webhook_id)).data)

    @extend_schema(operation_id="webhooks_change", request=WebhookPatchSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Change it, or switch it off and on."""
        given = WebhookPatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook = webhook_of(request, webhook_id)
        changed = services.change_webhook(webhook=webhook, by=member_of(request), **given.validated_data)
        return Response(WebhookSerializer(changed).data)

    @extend_schema(operation_id="webhooks_delete", request=DeleteWebhookSerializer, responses={204: None})
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Delete it with its deliveries; send its name along."""
        given = DeleteWebhookSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.delete_webhook(webhook=webhook_of(request, webhook_id), by=member_of(request), **given.validated_data)
        return Response(status=204)


class WebhookRotate(WebhookView):
    @extend_schema(operation_id="webhooks_rotate", request=None, responses=SecretWebhookSerializer)
    def post(self, request: Request, webhook_id: int) -> Response:
        """A new secret, in this answer alone; for a day the old one signs too."""
        webhook, _ = services.rotate_secret(webhook=webhook_of(request, webhook_id), by=member_of(request))
        return Response(SecretWebhookSerializer(webhook).data)


class WebhookTest(WebhookView):
    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Queue a test event."""
        delivery = services.send_test(webhook=webhook_of(request, webhook_id), by=member_of(request))
        return Response(DeliverySerializer(delivery).data, status=202)


class DeliveryList(WebhookView):
    @extend_schema(operation_id="webhooks_deliveries", parameters=PAGING, responses=page_of_rows(DeliverySerializer))
    def get(self, request: Request, webhook_id: int) -> Response:
        """What was sent and what waits, newest first: `{"results", "next"}`. `state=dead`: the dead letters."""
        rows, state = webhook_of(request, webhook_id).deliveries.all(), request.query_params.get("state", "")
        if state:
            rows = getattr(rows, state)() if state in STATES else rows.none()
        page = page_of(rows, before=request.query_params.get("before"))
        return Response({"results": DeliverySerializer(page.rows, many=True).data, "next": page.older})


class DeliverySendAgain(WebhookView):
    @extend_schema(operation_id="webhooks_send_again", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Start over with a dead letter."""
        rows = webhook_of(request, webhook_id).deliveries.select_related("webhook")
        delivery = get_object_or_404(rows, pk=delivery_id)
        services.send_again(delivery=delivery, by=member_of(request))
        delivery.refresh_from_db()
        return Response(DeliverySerializer(delivery).data, status=202)
