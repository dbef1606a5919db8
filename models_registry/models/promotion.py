from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from models_registry.models.gate_verdict import GateVerdict
from models_registry.models.model_version import ModelVersion, Stage


class PromotionQuerySet(OrganisationQuerySet["Promotion"]):
    organisation_path = "version__organisation"


class Promotion(models.Model):
    """A version's step from one stage to another: who, when, why, and on which verdict of the Gate."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    from_stage = models.CharField(max_length=10, choices=Stage.choices)
    to_stage = models.CharField(max_length=10, choices=Stage.choices)
    canary_share = models.FloatField(null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="promotions")
    reason = models.TextField()
    verdict = models.ForeignKey(GateVerdict, on_delete=models.PROTECT, null=True, related_name="promotions")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version}: {self.from_stage} to {self.to_stage}"
