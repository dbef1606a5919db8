from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Membership, Organisation
from accounts.scoping import OrganisationQuerySet


class WebhookQuerySet(OrganisationQuerySet["Webhook"]):
    def for_member(self, member: "Membership") -> Self:
        """The organisation's, without those that are about to go."""
        return super().for_member(member).filter(deleted_at=None)

    def switched_off(self) -> Self:
        """Those that Accord gave up on; one that a person switched off is not among them."""
        return self.filter(switched_off_at__isnull=False)


class Webhook(models.Model):
    """An address that is told of events. The secret is kept as it is: signing needs it; it is shown once."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="webhooks")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=80)
    # After a rotation both sign until then, so that the receiver changes over in its own time.
    previous_secret = models.CharField(max_length=80, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    events = ArrayField(models.CharField(max_length=40))
    # A plain id: webhooks know nothing of projects. None: all of the organisation's.
    project_id = models.BigIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    # Set when Accord itself switched it off.
    switched_off_at = models.DateTimeField(null=True, blank=True)
    switched_off_why = models.CharField(max_length=300, blank=True)
    # Failures since the last success, since when, and until when the address is left alone.
    failure_streak = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(null=True, blank=True)
    # Deleted for everybody; the row goes later: a judgement that is just being told to it must not fail.
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="webhooks")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(events__len__gt=0), name="webhook_wants_something"),
            models.CheckConstraint(
                condition=Q(failure_streak=0, failing_since__isnull=True)
                | Q(failure_streak__gt=0, failing_since__isnull=False),
                name="webhook_fails_since_some_time",
            ),
            models.CheckConstraint(
                condition=Q(switched_off_at__isnull=True) | Q(is_active=False),
                name="webhook_switched_off_is_not_active",
            ),
        ]
        # The probe of every event.
        indexes = [models.Index(fields=["organisation"], condition=Q(is_active=True), name="webhook_to_tell")]

    def __str__(self) -> str:
        return self.name
