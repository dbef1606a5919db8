from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.scoping import OrganisationQuerySet
from labeling.models.assignment import Assignment
from labeling.models.item import Item
from labeling.models.project import Project
from labeling.models.response import Response


class Choice(models.TextChoices):
    A = "a", "A is better"
    B = "b", "B is better"
    TIE = "tie", "About equal"
    BOTH_BAD = "both_bad", "Both are bad"


class ComparisonQuerySet(OrganisationQuerySet["Comparison"]):
    organisation_path = "project__organisation"

    def standing(self) -> Self:
        """Not taken back."""
        return self.filter(retracted_at=None)

    def counted(self) -> Self:
        """Standing, and within the item's overlap: what agreement and training read."""
        return self.standing().filter(is_surplus=False)


class Comparison(models.Model):
    """A Judgement of two responses. `response_a` and `response_b` are as the person saw them, left and right."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="comparisons", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="comparisons")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="comparisons")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comparisons", db_index=False
    )
    client_id = models.UUIDField()
    response_a = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="comparisons_as_a")
    response_b = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="comparisons_as_b")
    choice = models.CharField(max_length=8, choices=Choice.choices)
    # 1 slightly, 2 clearly, 3 much better; only where one is better.
    strength = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.TextField(blank=True)
    flags = ArrayField(models.CharField(max_length=40), default=list)
    active_ms = models.PositiveIntegerField(null=True, blank=True)
    # It came after the lease had expired and its slot was filled: kept, not counted.
    is_surplus = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retracted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ComparisonQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotator", "client_id"], name="comparison_sent_twice_is_stored_once"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(retracted_at=None), name="one_standing_comparison_an_assignment"
            ),
            models.CheckConstraint(
                condition=Q(choice__in=["tie", "both_bad"], strength__isnull=True)
                | Q(choice__in=["a", "b"], strength__isnull=False, strength__range=(1, 3)),
                name="comparison_strength_goes_with_a_preference",
            ),
            models.CheckConstraint(
                condition=~Q(response_a=F("response_b")), name="comparison_of_two_different_responses"
            ),
        ]
        indexes = [models.Index(fields=["project", "id"], name="comparison_by_project")]

    def __str__(self) -> str:
        return f"Comparison {self.pk}: {self.choice}"
