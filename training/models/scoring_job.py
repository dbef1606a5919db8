from pathlib import Path
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models import Project
from models_registry.models import ModelVersion
from training.models.training_run import RunStatus


class ScoringJobQuerySet(OrganisationQuerySet["ScoringJob"]):
    organisation_path = "project__organisation"

    def unfinished(self) -> Self:
        """Queued or running."""
        return self.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])


class ScoringJob(models.Model):
    """Answers that a reward model is asked about, and soon what it says. Forgotten after a day."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="scoring_jobs")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scoring_jobs")
    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    # {"pairs": […], "lists": […]} as the recipe `score` reads it; emptied at the end.
    request = models.JSONField()
    # {"pairs": […], "lists": […]} as it answers.
    result = models.JSONField(default=dict)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    # When the sweeper last sent a message for it.
    enqueued_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="scoring_jobs"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ScoringJobQuerySet.as_manager()

    class Meta:
        verbose_name = "scoring job"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["status", "heartbeat_at"],
                condition=models.Q(status__in=["queued", "running"]),
                name="scoring_to_sweep",
            ),
            models.Index(fields=["created_at"], name="scoring_by_age"),
        ]

    def __str__(self) -> str:
        return f"Scoring {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.status not in (RunStatus.QUEUED, RunStatus.RUNNING)

    @property
    def directory(self) -> Path:
        """Where its recipe works."""
        return Path(settings.RUNS_DIR) / f"scoring-{self.pk}"
