from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from accounts.models import Organisation
from accounts.scoping import OrganisationQuerySet


class VersionKind(models.TextChoices):
    BASE = "base", "Base"
    POLICY = "policy", "Policy"
    REWARD_MODEL = "reward_model", "Reward model"


class Method(models.TextChoices):
    """How a reward model was learnt."""

    FEATURES = "features", "Fast path: a head on the frozen base model"
    LORA = "lora", "Trained body: adapters"
    FULL = "full", "Trained body: all weights"


class Stage(models.TextChoices):
    CANDIDATE = "candidate", "Candidate"
    CANARY = "canary", "Canary"
    PRODUCTION = "production", "Production"
    RETIRED = "retired", "Retired"


class ModelVersionQuerySet(OrganisationQuerySet["ModelVersion"]):
    def for_project(self, project_id: int) -> Self:
        """The versions made for one project."""
        return self.filter(project_id=project_id)

    def policies(self) -> Self:
        return self.filter(kind=VersionKind.POLICY)

    def superseded_refits(self, project_id: int) -> Self:
        """Reward models of the fast path that a newer one has replaced: there may be hundreds."""
        refits = self.filter(project_id=project_id, kind=VersionKind.REWARD_MODEL, method=Method.FEATURES)
        newest = refits.order_by("-pk").values("pk")[:1]
        return refits.exclude(pk__in=newest)

    def in_stage(self, *stages: Stage) -> Self:
        return self.filter(stage__in=stages)


class ModelVersion(models.Model):
    """An immutable artifact with its lineage. Only `stage` and `canary_share` move, and only by a Promotion.

    Project, Snapshot and run are plain fields: the registry knows nothing of labelling or of runs.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="versions")
    project_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=12, choices=VersionKind.choices)
    # Of reward models alone.
    method = models.CharField(max_length=12, choices=Method.choices, blank=True)
    # Counts up a project: "Kitchen helper v3".
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=160)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    canary_share = models.FloatField(null=True, blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    # What an adapter or a reward head stands on.
    base = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="standing_on_it")
    # SHA-256 of the artifact's content; MODELS_DIR/<hash>/ holds it. Empty for a version at an external engine.
    artifact_hash = models.CharField(max_length=64, blank=True)
    artifact_bytes = models.BigIntegerField(default=0)
    # Where an external engine serves it; empty: the configured engine, by directory.
    endpoint_url = models.URLField(blank=True)
    engine_model = models.CharField(max_length=200, blank=True)
    snapshot_id = models.BigIntegerField(null=True, blank=True)
    snapshot_hash = models.CharField(max_length=64, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)
    recipe = models.CharField(max_length=40, blank=True)
    code_version = models.CharField(max_length=64, blank=True)
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project_id", "number"], name="version_number_once_a_project"),
            # A run's effect happens once, however often it was resumed or delivered.
            models.UniqueConstraint(
                fields=["run_id", "kind"], condition=Q(run_id__isnull=False), name="one_version_a_run_and_kind"
            ),
            models.UniqueConstraint(
                # Whatever its kind: a base and a policy do not answer side by side.
                fields=["project_id", "stage"],
                condition=Q(stage__in=["canary", "production"]),
                name="one_version_a_serving_stage",
            ),
            models.CheckConstraint(
                condition=Q(stage="canary", canary_share__isnull=False, canary_share__gt=0, canary_share__lt=1)
                | (~Q(stage="canary") & Q(canary_share__isnull=True)),
                name="canary_share_goes_with_the_canary",
            ),
        ]
        indexes = [models.Index(fields=["snapshot_id"], name="version_by_snapshot")]

    def __str__(self) -> str:
        return self.name
