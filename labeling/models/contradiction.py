from typing import ClassVar

from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.item import Item
from labeling.models.project import Project


class ContradictionQuerySet(OrganisationQuerySet["Contradiction"]):
    organisation_path = "project__organisation"


class Contradiction(models.Model):
    """A judgement that the newest reward model would not have expected. It says nothing about who is right."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="contradictions", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="contradictions")
    # Of the one sequence that all kinds of judgements share.
    judgement_id = models.BigIntegerField()
    # The calibrated probability that the reward model gives to the other answer than the one that was preferred.
    probability = models.FloatField()

    objects: ClassVar = ContradictionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "judgement_id"], name="a_judgement_contradicted_once"),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="contradiction_is_a_probability"
            ),
        ]
        indexes = [models.Index(fields=["project", "-probability", "id"], name="contradiction_by_project")]

    def __str__(self) -> str:
        return f"Judgement {self.judgement_id}: {self.probability:.2f}"
