from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.scoping import OrganisationQuerySet
from labeling.models.assignment import Assignment
from labeling.models.item import Item
from labeling.models.project import Project


class JudgementQuerySet(OrganisationQuerySet[Any]):
    organisation_path = "project__organisation"

    def standing(self) -> Self:
        """Not taken back."""
        return self.filter(retracted_at=None)

    def counted(self) -> Self:
        """Standing, and within the item's overlap: what agreement and training read."""
        return self.standing().filter(is_surplus=False)


class JudgementBase(models.Model):
    """What every judgement holds, whatever its kind.

    Ids are drawn from one sequence for all kinds: "judgement 512" is one judgement, and a higher id is a later one.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="%(class)ss", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="%(class)ss")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="%(class)ss", db_index=False)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="%(class)ss", db_index=False
    )
    client_id = models.UUIDField()
    reason = models.TextField(blank=True)
    # [{"name", "response_id"?, "start"?, "end"?}]: of the whole item, of an answer, or of a span of its characters.
    flags = models.JSONField(default=list)
    active_ms = models.PositiveIntegerField(null=True, blank=True)
    # It came after the lease had expired and its slot was filled: kept, not counted.
    is_surplus = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retracted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = JudgementQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["annotator", "client_id"], name="%(class)s_sent_twice_is_stored_once"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(retracted_at=None), name="one_standing_%(class)s_an_assignment"
            ),
        ]
        indexes = [models.Index(fields=["project", "id"], name="%(class)s_by_project")]

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"
