from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from labeling.models import Project
from models_registry.models import ModelVersion
from training.models.claimed_work import ClaimedWork, ClaimedWorkQuerySet
from training.models.training_run import TrainingRun


class SamplingJobQuerySet(ClaimedWorkQuerySet["SamplingJob"]):
    organisation_path = "project__organisation"


class SamplingJob(ClaimedWork):
    """Asks a version, through the engine, for answers to a project's prompts, and makes items of them as they come."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="sampling_jobs")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="sampling_jobs")
    # The run whose policy it samples: it waits for that run, then takes its version.
    after = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, null=True, related_name="sampling_jobs")
    responses_per_prompt = models.PositiveSmallIntegerField(default=2)
    max_tokens = models.PositiveSmallIntegerField(default=96)
    temperature = models.FloatField(default=0.9)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    # After an attempt that brought no answer.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="sampling_jobs"
    )

    objects: ClassVar[Any] = SamplingJobQuerySet.as_manager()

    class Meta:
        verbose_name = "sampling job"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Sampling {self.pk}"
