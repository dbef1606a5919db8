from typing import ClassVar

from django.db import models

from accounts.scoping import OrganisationQuerySet
from models_registry.models.model_version import ModelVersion


class GateVerdictQuerySet(OrganisationQuerySet["GateVerdict"]):
    organisation_path = "version__organisation"


class GateVerdict(models.Model):
    """What the Gate said of a version, with the evidence it stood on. Never changed: a new look is a new row."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="gate_verdicts")
    is_open = models.BooleanField()
    # [{"term", "metric", "value", "low", "high", "n", "bound", "holds", "sentence", "evaluation_id"}]
    terms = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = GateVerdictQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return "open" if self.is_open else "closed"
