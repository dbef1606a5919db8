from datetime import timedelta
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from accounts.scoping import OrganisationQuerySet


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING)

W = TypeVar("W", bound="ClaimedWork")


class ClaimedWorkQuerySet(OrganisationQuerySet[W]):
    def unfinished(self) -> Self:
        """Queued or running."""
        return self.filter(status__in=UNFINISHED)

    def lost(self) -> Self:
        """Running, by a worker that has stopped beating."""
        silent = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now() - _silence())
        return self.filter(silent, status=RunStatus.RUNNING)

    def unheard(self) -> Self:
        """Queued, and no message was sent for it, or the message was lost."""
        unsent = Q(enqueued_at=None) | Q(enqueued_at__lt=now() - _silence())
        return self.filter(unsent, status=RunStatus.QUEUED)


def _silence() -> timedelta:
    return timedelta(seconds=settings.RUN_LOST_AFTER_SECONDS)


class ClaimedWork(models.Model):
    """What a worker claims and beats for. The row is the truth; only the claim that `fence` counts may write to it."""

    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    fence = models.PositiveIntegerField(default=0)
    # Claims in a row that brought nothing new.
    attempts = models.PositiveSmallIntegerField(default=0)
    # When the sweeper last sent a message for it.
    enqueued_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    # The sentence that says what went wrong.
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED
