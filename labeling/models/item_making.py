from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project


class ItemMakingQuerySet(OrganisationQuerySet["ItemMaking"]):
    organisation_path = "project__organisation"


class ItemMaking(models.Model):
    """Items being made by rules: some prompts a transaction, by their ids; `reached` is how far it has come."""

    class State(models.TextChoices):
        WORKING = "working", "Working"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="item_makings", db_index=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="item_makings")
    # The fields of ItemRules.
    rules = models.JSONField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WORKING)
    # Prompts that came later are not meant.
    up_to_prompt = models.BigIntegerField()
    reached = models.BigIntegerField(default=0)
    prompts = models.PositiveIntegerField()
    prompts_done = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ItemMakingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["working", "done", "cancelled", "failed"]), name="item_making_state_is_known"
            ),
            # Two at once would only wait for each other.
            models.UniqueConstraint(
                fields=["project"], condition=Q(state="working"), name="item_making_one_at_a_time_a_project"
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="item_making_by_project")]

    def __str__(self) -> str:
        return f"Items {self.pk}"

    @property
    def is_working(self) -> bool:
        return self.state == self.State.WORKING
