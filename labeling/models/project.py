from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Organisation
from accounts.scoping import OrganisationQuerySet
from labeling.hashing import is_held_out


class ProjectQuerySet(OrganisationQuerySet["Project"]):
    def open(self) -> Self:
        """Neither paused nor archived: its items may be leased."""
        return self.filter(paused_at=None, archived_at=None)


class StrengthForm(models.TextChoices):
    """What the strength of a preference does in the reward model."""

    SCALED = "scaled", "It counts that often: slightly once, clearly twice, much three times"
    MARGIN = "margin", "It must be won by a margin: slightly by none, clearly by some, much by twice that"


class Project(models.Model):
    """One labelling effort: what is judged, by how many people, and when it retrains."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80)
    purpose = models.CharField(max_length=300, blank=True)
    guidelines = models.TextField(blank=True)
    overlap = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(20)])
    # So many of a hundred items get one judgement more than `overlap`.
    extra_overlap_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    # {"kind", "reason", "flags", and per kind how it is asked}: labeling.kinds.design reads it.
    design = models.JSONField(default=dict, blank=True)
    undo_minutes = models.PositiveSmallIntegerField(default=60, validators=[MaxValueValidator(10_080)])
    # Tags that an annotator needs for any of its items.
    requires = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    cap_per_person = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    cap_per_day = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    lease_minutes = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    held_out_percent = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(5), MaxValueValidator(50)]
    )
    selection_policy = models.CharField(max_length=20, default="random")
    # New judgements since the last refresh after which the next starts by itself; None: only by the button.
    retrain_after = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(10)])
    # New judgements after which the reward model's fast path is refitted; None: as training has it under an active
    # policy, and never under another.
    refit_after = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(5)])
    # New judgements since the last trained-body run after which the next starts by itself; 0: never.
    train_body_after = models.PositiveIntegerField(default=1000)
    # What the reward model is taught. What each axis counts in the reward, {"overall": 1, "true": 0.5}; empty: the
    # overall verdict alone.
    axis_weights = models.JSONField(default=dict, blank=True)
    strength = models.CharField(max_length=8, choices=StrengthForm.choices, default=StrengthForm.SCALED)
    # Hear those less who agree with nobody's reward model better than chance.
    weigh_annotators = models.BooleanField(default=True)
    # Take out of the score what goes along with length.
    remove_length = models.BooleanField(default=False)
    # Under an active policy so much is chosen at random all the same: accuracy is measured on that.
    random_share = models.FloatField(default=0.15, validators=[MinValueValidator(0.1), MaxValueValidator(0.2)])
    # Bumped when items are added or re-prioritised in front of where annotators already are: their cursors start again.
    queue_epoch = models.PositiveIntegerField(default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="created_projects"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="project_slug_once_an_organisation"),
            models.CheckConstraint(condition=models.Q(overlap__range=(1, 20)), name="project_overlap_in_range"),
            models.CheckConstraint(
                condition=models.Q(extra_overlap_percent__range=(0, 100)), name="project_extra_overlap_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(held_out_percent__range=(5, 50)), name="project_held_out_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(random_share__range=(0.1, 0.2)), name="project_random_share_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(strength__in=["scaled", "margin"]), name="project_strength_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def holds_out(self, content_hash: str) -> bool:
        """Whether a prompt with this hash goes to the held-out part."""
        return is_held_out(content_hash, self.held_out_percent)
