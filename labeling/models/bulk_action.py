from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from accounts.scoping import OrganisationQuerySet
from labeling.models.assignment import Assignment
from labeling.models.item import Item
from labeling.models.project import Project


class BulkActionQuerySet(OrganisationQuerySet["BulkAction"]):
    organisation_path = "project__organisation"

    def unfinished(self) -> Self:
        """Begun, and not at its end: a worker goes on with it."""
        return self.filter(state__in=[BulkAction.State.WORKING, BulkAction.State.UNDOING])


class BulkAction(models.Model):
    """What a manager did to one item or to many at once, and what is needed to take it back for a while.

    It is carried out a batch a transaction, in the order of the items' ids; `reached` is how far it has come.
    """

    class Act(models.TextChoices):
        RELEASE = "release", "End leases"
        REASSIGN = "reassign", "Give to somebody else"
        RESERVE = "reserve", "Reserve"
        WITHDRAW = "withdraw", "Withdraw"
        PUT_BACK = "put_back", "Put back"
        OVERLAP = "overlap", "Change people per item"
        PRIORITY = "priority", "Change priority"

    class State(models.TextChoices):
        WORKING = "working", "Working"
        DONE = "done", "Done"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="bulk_actions", db_index=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulk_actions")
    act = models.CharField(max_length=10, choices=Act.choices)
    # {"ids": [...]} or {"filter": {"state", "kind", "person"}}.
    scope = models.JSONField()
    # {"person"}, {"overlap"} or {"priority"}, as the act needs.
    detail = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WORKING)
    # Items made later are not meant.
    up_to_item = models.BigIntegerField()
    reached = models.BigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    # Items of the scope that it does not fit: nothing held to release, already so, had by the person before.
    left_out = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    undo_until = models.DateTimeField()
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="undone_bulk_actions"
    )

    objects: ClassVar = BulkActionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["working", "done", "undoing", "undone"]), name="bulk_action_state_is_known"
            )
        ]
        indexes = [models.Index(fields=["project", "-id"], name="bulk_action_by_project")]

    def __str__(self) -> str:
        return f"{self.get_act_display()} {self.pk}"

    @property
    def may_be_undone(self) -> bool:
        """Whether somebody may take it back now."""
        return self.state == self.State.DONE and self.changed > 0 and now() < self.undo_until

    @property
    def is_recent(self) -> bool:
        """Still worth a line on the page: under way, or within its time to undo."""
        return self.state in (self.State.WORKING, self.State.UNDOING) or now() < self.undo_until

    @property
    def not_restored(self) -> int:
        """Once undone: how many had changed since, and stay as they are."""
        return self.changed - self.restored


class BulkChangeQuerySet(OrganisationQuerySet["BulkChange"]):
    organisation_path = "action__project__organisation"


class BulkChange(models.Model):
    """What one BulkAction changed in one place, before and after: undo restores what is still as `after` says."""

    class Field(models.TextChoices):
        OVERLAP = "overlap"
        PRIORITY = "priority"
        # How the item was chosen, which a change of its priority changes too: {"policy", "propensity", "last_leased"}.
        POLICY = "policy"
        RESERVED_FOR = "reserved_for"
        WITHDRAWN_AT = "withdrawn_at"
        LEASE = "lease"

    action = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="changes", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Of a lease that was ended.
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    field = models.CharField(max_length=12, choices=Field.choices)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects: ClassVar = BulkChangeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["action", "item"], name="bulk_change_by_action")]

    def __str__(self) -> str:
        return f"{self.field} of item {self.item_id}"
