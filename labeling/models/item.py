from enum import StrEnum
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project
from labeling.models.prompt import Prompt
from labeling.models.response import Response
from labeling.selection import active_policies, policies


class ItemKind(models.TextChoices):
    """The kinds that come with Accord; `labeling.kinds` knows all there are."""

    COMPARISON = "comparison", "Comparison"
    RANKING = "ranking", "Ranking"
    RATING = "rating", "Rating"
    CORRECTION = "correction", "Correction"


class SelectionPolicy(StrEnum):
    """How an item came to be there, as far as code has to name it: `labeling.selection` knows every policy."""

    RANDOM = "random"
    LENGTH_BALANCED = "length_balanced"
    FEEDBACK = "feedback"
    MANAGER = "manager"


# Not the choice of a policy.
BY_PEOPLE: dict[str, str] = {
    SelectionPolicy.FEEDBACK: "From feedback",
    SelectionPolicy.MANAGER: "A manager gave it its place",
}
# These look at the reward model: the places of open items are rewritten whenever it is refitted.
ACTIVE_POLICIES = active_policies()


class ItemQuerySet(OrganisationQuerySet["Item"]):
    organisation_path = "project__organisation"

    def open(self) -> Self:
        """With a slot that nobody holds or has filled."""
        return self.filter(open_slots__gt=0)

    def standing(self) -> Self:
        """Not withdrawn."""
        return self.filter(withdrawn_at=None)


class Item(models.Model):
    """What one person judges at a time. `open_slots` counts what is neither leased nor judged."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="items", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=12, default=ItemKind.COMPARISON)
    responses = models.ManyToManyField(Response, through="ItemResponse", related_name="items")
    # The ids of the responses, sorted: the same set is judged as one item a project and kind.
    response_key = models.CharField(max_length=200)
    priority = models.FloatField(default=0.0)
    overlap = models.PositiveSmallIntegerField()
    open_slots = models.PositiveSmallIntegerField()
    # A slot came back (expired, skipped, undone): annotators whose cursor has passed must look here again.
    reopened = models.BooleanField(default=False)
    # A policy's name, or one of BY_PEOPLE. The database checks its form, and services that there is such a one: a new
    # policy is a file, and no migration.
    policy = models.CharField(max_length=20)
    # The probability with which the policy chose this item among those it could have made; 1 when it takes all.
    propensity = models.FloatField()
    # What an active policy made of it at the last refit of the reward model; its own scale. Annotators never see it.
    score = models.FloatField(null=True, blank=True)
    # What an annotator must have ("language:de", "skill:python") to be given it.
    requires = ArrayField(models.CharField(max_length=60), default=list)
    # Kept for one person; nobody else is given it.
    reserved_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reserved_items",
        db_index=False,
    )
    # A manager asked one person more because the reward model contradicted: agreement is not measured on it.
    asked_again_at = models.DateTimeField(null=True, blank=True)
    # Taken out of the queue by a manager; what was judged of it stays.
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # Names what made it ("feedback:<uuid>"): a retried job makes it once.
    source_key = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - NULL is "none"
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "response_key"], name="item_once_a_set_of_responses"),
            models.UniqueConstraint(
                fields=["source_key"], condition=Q(source_key__isnull=False), name="item_once_a_source_key"
            ),
            models.CheckConstraint(condition=Q(open_slots__lte=F("overlap")), name="item_open_slots_within_overlap"),
            models.CheckConstraint(condition=Q(overlap__range=(1, 20)), name="item_overlap_in_range"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__isnull=False, open_slots=0),
                name="item_withdrawn_has_no_open_slot",
            ),
            models.CheckConstraint(condition=Q(policy__regex=r"^[a-z][a-z0-9_]*$"), name="item_policy_is_a_name"),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="item_propensity_is_a_probability"
            ),
        ]
        indexes = [
            # The lease walks this index from an annotator's cursor on, best first. Both columns ascend, so that
            # "behind the cursor" is one row comparison that the index can start from.
            models.Index("project", F("priority") * -1, "id", condition=Q(open_slots__gt=0), name="item_queue"),
            models.Index(
                "project",
                F("priority") * -1,
                "id",
                condition=Q(open_slots__gt=0, reopened=True),
                name="item_queue_reopened",
            ),
            models.Index(fields=["project", "-id"], name="item_by_project"),
            models.Index(
                fields=["reserved_for"], condition=Q(reserved_for__isnull=False), name="item_by_whom_it_is_kept_for"
            ),
            models.Index(
                fields=["project", "-id"], condition=Q(withdrawn_at__isnull=False), name="item_withdrawn_by_project"
            ),
        ]

    def __str__(self) -> str:
        return f"Item {self.pk}"

    @property
    def policy_word(self) -> str:
        """How it came to be there, for people; the bare name of a policy that this installation does not have."""
        known = policies().get(self.policy)
        return known.word if known else BY_PEOPLE.get(self.policy, self.policy)


class ItemResponse(models.Model):
    """A Response's place in an Item. Places are the item's own; what side a person sees is the Assignment's."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="item_responses", db_index=False)
    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="item_responses", db_index=False)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["item", "position"], name="one_response_a_position"),
            models.UniqueConstraint(fields=["response", "item"], name="a_response_once_an_item"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id}/{self.position}"
