from typing import ClassVar

from django.db import models

from accounts.scoping import OrganisationQuerySet
from models_registry.models.model_version import ModelVersion


class EvaluationQuerySet(OrganisationQuerySet["Evaluation"]):
    organisation_path = "version__organisation"


class Evaluation(models.Model):
    """One measured property of a ModelVersion, with its interval (95 %) and the number it rests on."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluations")
    metric = models.CharField(max_length=60)
    value = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    n = models.PositiveIntegerField()
    against = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="compared_in")
    run_id = models.BigIntegerField(null=True, blank=True)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ["metric", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "metric", "run_id"], name="a_metric_once_a_run"),
            models.CheckConstraint(
                condition=models.Q(low__lte=models.F("value"), high__gte=models.F("value")),
                name="evaluation_lies_in_its_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
