from pathlib import Path
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import Organisation
from labeling.models import Project, Snapshot
from models_registry.models import ModelVersion
from training.models.claimed_work import ClaimedWork, ClaimedWorkQuerySet, RunStatus


class Recipe(models.TextChoices):
    PREPARE_BASE = "prepare_base", "Prepare base"
    SFT = "sft", "Supervised fine-tuning"
    REWARD_MODEL = "reward_model", "Reward model"
    GRPO = "grpo", "Policy (GRPO)"
    EVALUATE = "evaluate", "Evaluation"


# The reward model's fast path: its body stays frozen, and what that makes of an answer is read once.
FEATURES = "features"
# The others: the body is trained with the head, and takes the fast path's place if held-out votes show it to be better.
TRAINED = ("lora", "full")


class TrainingRunQuerySet(ClaimedWorkQuerySet["TrainingRun"]):
    def refits(self) -> Self:
        """Of the reward model's fast path, by itself."""
        return self.filter(recipe=Recipe.REWARD_MODEL, config__method=FEATURES, chain_id=None)

    def body_runs(self) -> Self:
        """Of the reward model's body, by itself."""
        return self.filter(recipe=Recipe.REWARD_MODEL, config__method__in=TRAINED, chain_id=None)

    def body_trials(self) -> Self:
        """A trained body was held against the fast path, in a refresh or by itself, and one of them won."""
        return self.filter(recipe=Recipe.REWARD_MODEL, config__method__in=TRAINED, status=RunStatus.SUCCEEDED)

    def replaced_refits(self) -> Self:
        """Succeeded, and followed by another refit of the project: there may be hundreds."""
        later = TrainingRun.objects.refits().filter(project=OuterRef("project"), pk__gt=OuterRef("pk"))
        return self.refits().filter(Exists(later), status=RunStatus.SUCCEEDED)

    def refreshes(self) -> Self:
        """Part of a whole refresh, or whatever else neither refits nor trains the body by itself.

        A base model that a refit alone waits for was prepared for it, and belongs to it.
        """
        for_refit = Exists(TrainingRun.objects.refits().filter(after=OuterRef("pk")))
        # Not exclude(): a run whose config names no method would be neither.
        other_method = Q(config__method__isnull=True) | ~Q(config__method__in=[FEATURES, *TRAINED])
        other_run = (~Q(recipe=Recipe.REWARD_MODEL) | other_method) & ~for_refit
        return self.filter(Q(chain_id__isnull=False) | other_run)


class TrainingRun(ClaimedWork):
    """One recipe on one Snapshot. The row is the truth; `fence` counts claims, and only the newest may write."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="runs")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    recipe = models.CharField(max_length=20, choices=Recipe.choices)
    # What a person chose; the rest of config.json (paths, parents) is filled in when the run is claimed.
    config = models.JSONField(default=dict)
    # What it stands on, as ids of versions: resolved when it is first claimed, and the same when it is resumed.
    inputs = models.JSONField(default=dict)
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, null=True, related_name="runs")
    parent = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="runs_from_it")
    # The run whose success this one waits for; the runs of one refresh share a chain.
    after = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="followers")
    chain_id = models.UUIDField(null=True, blank=True, db_index=True)
    # Claims since it last got further than this are `attempts`: what is lost again and again there is given up.
    step_at_claim = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=120, blank=True)
    process_id = models.PositiveIntegerField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    step = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    stage = models.CharField(max_length=80, blank=True)
    seconds = models.FloatField(default=0.0)
    # Of its log, the last lines.
    log_tail = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    why = models.CharField(max_length=120, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="runs")
    started_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TrainingRunQuerySet.as_manager()

    class Meta:
        verbose_name = "run"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["status", "heartbeat_at"], condition=Q(status__in=["queued", "running"]), name="run_to_sweep"
            ),
            models.Index(fields=["project", "-id"], name="run_by_project"),
            models.Index(fields=["organisation", "-id"], name="run_by_organisation"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name="run_is_finished_when_its_status_says_so",
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}: {self.get_recipe_display()}"

    @property
    def is_refit(self) -> bool:
        """A matter of seconds: it has a queue of its own, and does not wait behind hours of training."""
        return self.recipe == Recipe.REWARD_MODEL and self.config.get("method") == FEATURES and self.chain_id is None

    @property
    def name(self) -> str:
        """What pages call it."""
        if self.is_refit:
            return "Reward model, refit"
        if self.recipe == Recipe.REWARD_MODEL and self.config.get("method") in TRAINED:
            return "Reward model, trained body"
        return Recipe(self.recipe).label

    @property
    def may_be_resumed(self) -> bool:
        """Whether to go on after its worker was lost: it got further this time, or was not lost too often."""
        return self.step > self.step_at_claim or self.attempts < settings.RUN_MAX_ATTEMPTS

    @property
    def directory(self) -> Path:
        """RUN_DIR of the contract."""
        return Path(settings.RUNS_DIR) / str(self.pk)
