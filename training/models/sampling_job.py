from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models import Project
from models_registry.models import ModelVersion
from training.models.training_run import RunStatus, TrainingRun


class SamplingJobQuerySet(OrganisationQuerySet["SamplingJob"]):
    organisation_path = "project__organisation"

    def unfinished(self) -> Self:
        """Queued or running."""
        return self.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])


class SamplingJob(models.Model):
    """Asks a version, through the engine, for answers to a project's prompts, and makes items of them as they come."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="sampling_jobs")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="sampling_jobs")
    # The run whose policy it samples: it waits for that run, then takes its version.
    after = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, null=True, related_name="sampling_jobs")
    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    responses_per_prompt = models.PositiveSmallIntegerField(default=2)
    max_tokens = models.PositiveSmallIntegerField(default=96)
    temperature = models.FloatField(default=0.9)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    # Attempts in a row that brought no answer; the next one waits until then.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # When the sweeper last sent a message for it.
    enqueued_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="sampling_jobs"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = SamplingJobQuerySet.as_manager()

    class Meta:
        verbose_name = "sampling job"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Sampling {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.status not in (RunStatus.QUEUED, RunStatus.RUNNING)
