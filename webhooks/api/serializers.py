"""What the API takes and gives."""

from rest_framework import serializers

from accounts.strict import StrictSerializer
from webhooks.models import Webhook, WebhookDelivery


class NewWebhookSerializer(StrictSerializer):
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    project = serializers.IntegerField(source="project_id", allow_null=True, required=False)


class WebhookPatchSerializer(StrictSerializer):
    name = serializers.CharField(required=False)
    url = serializers.CharField(required=False)
    events = serializers.ListField(child=serializers.CharField(), required=False)
    project = serializers.IntegerField(source="project_id", allow_null=True, required=False)
    is_active = serializers.BooleanField(required=False)


class DeleteWebhookSerializer(StrictSerializer):
    # The webhook's, so that nobody deletes another one than they think.
    name = serializers.CharField()


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook without its secret."""

    project = serializers.IntegerField(source="project_id", allow_null=True)

    class Meta:
        model = Webhook
        fields = (
            "id", "name", "url", "events", "project", "is_active", "switched_off_at", "switched_off_why",
            "failure_streak", "failing_since", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class SecretWebhookSerializer(WebhookSerializer):
    """The answer to making one, and to a rotation: the only places where `secret` is shown."""

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    state = serializers.ChoiceField(choices=["pending", "delivered", "dead"], read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "event", "kind", "state", "payload", "attempts", "next_attempt_at", "last_status", "last_error",
            "created_at", "delivered_at", "dead_at",
        )  # fmt: skip
        read_only_fields = fields
