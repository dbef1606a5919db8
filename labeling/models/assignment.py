from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.scoping import OrganisationQuerySet
from labeling.models.item import Item
from labeling.models.project import Project


class AssignmentQuerySet(OrganisationQuerySet["Assignment"]):
    organisation_path = "project__organisation"

    def leased(self) -> Self:
        """Held by somebody now, or held and not yet swept."""
        return self.filter(state="leased")

    def for_annotator(self, user: models.Model) -> Self:
        """One person's own."""
        return self.filter(annotator_id=user.pk)


class Assignment(models.Model):
    """An Item leased to one annotator in one slot, until it is judged, skipped or expires.

    A row without a slot lost it (skipped, expired) or never needed one (a surplus judgement).
    """

    class State(models.TextChoices):
        LEASED = "leased", "Leased"
        JUDGED = "judged", "Judged"
        SKIPPED = "skipped", "Skipped"
        EXPIRED = "expired", "Expired"

    # db_index=False, here and in the other models: a constraint's index begins with the column already.
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments", db_index=False
    )
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.LEASED)
    # shown_order[i] is the item's position of the response shown in place i: drawn at random, and kept.
    shown_order = ArrayField(models.PositiveSmallIntegerField())
    leased_at = models.DateTimeField()
    # Before it was undone or leased again: nobody has worked on it for longer than since then.
    first_leased_at = models.DateTimeField(db_default=Now())
    # None while the browser holds it in reserve, behind the item that is on the screen.
    shown_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=200, blank=True)
    draft = models.JSONField(default=dict)

    objects: ClassVar = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "slot"], name="one_assignment_a_slot"),
            models.UniqueConstraint(fields=["item", "annotator"], name="an_item_once_an_annotator"),
            models.CheckConstraint(
                condition=Q(state="leased", slot__isnull=False)
                | Q(state="judged")
                | Q(state__in=["skipped", "expired"], slot__isnull=True),
                name="assignment_slot_matches_state",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="leased"), name="assignment_to_expire"),
            models.Index(fields=["annotator", "project", "-closed_at"], name="assignment_by_annotator"),
            models.Index(
                fields=["annotator", "project", "state"],
                condition=Q(state__in=["leased", "expired"]),
                name="assignment_unfinished",
            ),
            # The manager's queue: a project's items in one state, newest first, a page at a time.
            models.Index(fields=["project", "state", "-item"], name="assignment_by_state"),
        ]

    def __str__(self) -> str:
        return f"Assignment {self.pk}"
