import json
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from accounts.scoping import OrganisationQuerySet
from webhooks.models.webhook import Webhook

STATES = ("pending", "delivered", "dead")
PENDING = Q(delivered_at__isnull=True, dead_at__isnull=True)


class WebhookDeliveryQuerySet(OrganisationQuerySet["WebhookDelivery"]):
    organisation_path = "webhook__organisation"

    def pending(self) -> Self:
        """Neither delivered nor given up."""
        return self.filter(PENDING)

    def delivered(self) -> Self:
        return self.filter(delivered_at__isnull=False)

    def dead(self) -> Self:
        """Given up after the last attempt: the dead letters."""
        return self.filter(dead_at__isnull=False)


class WebhookDelivery(models.Model):
    """One event for one webhook, written in the transaction of the change it tells of (an outbox)."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.UUIDField()
    kind = models.CharField(max_length=40)
    # The whole body as it is sent.
    payload = models.JSONField()
    # Counts claims. A sender writes what came out only while the count is the one it claimed with.
    attempts = models.PositiveSmallIntegerField(default=0)
    # While it is being sent: when it is taken for lost and claimed again.
    next_attempt_at = models.DateTimeField()
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="an_event_once_a_webhook"),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(dead_at__isnull=True),
                name="delivery_is_not_both_delivered_and_dead",
            ),
        ]
        indexes = [
            models.Index(fields=["webhook", "next_attempt_at"], condition=PENDING, name="delivery_due"),
            models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
            models.Index(fields=["webhook", "-id"], condition=Q(dead_at__isnull=False), name="delivery_dead"),
            models.Index(fields=["delivered_at"], condition=Q(delivered_at__isnull=False), name="delivery_to_forget"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event}"

    @property
    def state(self) -> str:
        """delivered, dead, or pending."""
        return "delivered" if self.delivered_at else "dead" if self.dead_at else "pending"

    @property
    def body_text(self) -> str:
        """The body, laid out for people."""
        return json.dumps(self.payload, ensure_ascii=False, indent=2)

    @property
    def body(self) -> bytes:
        """What is sent and signed: the same bytes at every attempt."""
        return json.dumps(self.payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
