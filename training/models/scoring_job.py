from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from labeling.models import Project
from models_registry.models import ModelVersion
from training.models.claimed_work import ClaimedWork, ClaimedWorkQuerySet


class ScoringJobQuerySet(ClaimedWorkQuerySet["ScoringJob"]):
    organisation_path = "project__organisation"


class ScoringJob(ClaimedWork):
    """Answers that a reward model is asked about, and soon what it says. Forgotten after a day."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="scoring_jobs")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scoring_jobs")
    # {"pairs": […], "lists": […]} as the recipe `score` reads it; emptied at the end.
    request = models.JSONField()
    # {"pairs": […], "lists": […]} as it answers.
    result = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="scoring_jobs"
    )

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
    def directory(self) -> Path:
        """Where its recipe works."""
        return Path(settings.RUNS_DIR) / f"scoring-{self.pk}"
