from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project

# The chance of doing no better than chance from which on it cannot be told whether somebody does.
DOUBT = 0.05


class AnnotatorWeightQuerySet(OrganisationQuerySet["AnnotatorWeight"]):
    organisation_path = "project__organisation"

    def untold(self) -> Self:
        """Heard in full because nothing could be told of them: too few people, or too few of their votes."""
        return self.filter(weight__gte=1, votes__gt=0, no_better_than_chance__gt=DOUBT)


class AnnotatorWeight(models.Model):
    """What the newest reward model makes of one annotator. The later the id, the less the person is heard."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="annotator_weights")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reward_model_weights", db_index=False
    )
    # 1: each vote counts as one.
    weight = models.FloatField()
    # The chance that the person's verdicts go along with what others' say no better than a coin.
    no_better_than_chance = models.FloatField()
    # Verdicts on two answers that could be held against a model that has not seen them.
    votes = models.PositiveIntegerField()
    # Shares of them: that prefer what it does, and that would if the person were like the others. Null without votes.
    agreement = models.FloatField(null=True, blank=True)
    expected_agreement = models.FloatField(null=True, blank=True)
    # The newest judgement that it learnt from.
    last_judgement_id = models.BigIntegerField()
    weighed_at = models.DateTimeField()

    objects: ClassVar[Any] = AnnotatorWeightQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotator", "project"], name="weight_once_an_annotator"),
            models.CheckConstraint(
                condition=models.Q(weight__gt=0, weight__lte=1), name="annotator_weight_is_a_share_and_not_0"
            ),
            models.CheckConstraint(
                condition=models.Q(votes=0, agreement__isnull=True, expected_agreement__isnull=True)
                | models.Q(
                    votes__gt=0,
                    agreement__isnull=False,
                    expected_agreement__isnull=False,
                    agreement__range=(0, 1),
                    expected_agreement__range=(0, 1),
                ),
                name="annotator_agreement_is_of_votes",
            ),
        ]

    def __str__(self) -> str:
        return f"Annotator {self.annotator_id}: {self.weight:.2f}"

    @property
    def is_heard_in_full(self) -> bool:
        return self.weight >= 1

    @property
    def sentence(self) -> str:
        """What that means, for managers."""
        if not self.votes:
            return "heard in full: no verdict of theirs could be held against the model yet"
        if self.is_heard_in_full and self.no_better_than_chance > DOUBT:
            return "heard in full: too few people or votes to tell whether theirs are better than chance"
        if self.is_heard_in_full:
            return "heard in full"
        return f"heard at {self.weight:.2g}: votes agree with nobody's better than chance, as far as can be told"
