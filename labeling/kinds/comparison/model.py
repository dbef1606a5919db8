from django.db import models
from django.db.models import F, Q

from labeling.kinds.judgement import JudgementBase
from labeling.models.response import Response


class Choice(models.TextChoices):
    A = "a", "A is better"
    B = "b", "B is better"
    TIE = "tie", "About equal"
    BOTH_BAD = "both_bad", "Both are bad"
    BOTH_GOOD = "both_good", "Both are good"


DECIDED = (Choice.A, Choice.B)


class Comparison(JudgementBase):
    """A Judgement of two responses. `response_a` and `response_b` are as the person saw them, left and right."""

    response_a = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="comparisons_as_a")
    response_b = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="comparisons_as_b")
    choice = models.CharField(max_length=12, choices=Choice.choices)
    # 1 slightly, 2 clearly, 3 much better; none where neither is better, or where the project does not ask.
    strength = models.PositiveSmallIntegerField(null=True, blank=True)
    # {axis: {"choice", "strength"?}} beside the overall verdict.
    axes = models.JSONField(default=dict)

    class Meta(JudgementBase.Meta):
        constraints = [
            *JudgementBase.Meta.constraints,
            models.CheckConstraint(
                condition=Q(choice__in=["tie", "both_bad", "both_good"], strength__isnull=True)
                | Q(choice__in=["a", "b"], strength__isnull=True)
                | Q(choice__in=["a", "b"], strength__isnull=False, strength__range=(1, 3)),
                name="comparison_strength_goes_with_a_preference",
            ),
            models.CheckConstraint(
                condition=~Q(response_a=F("response_b")), name="comparison_of_two_different_responses"
            ),
        ]
