from django.db import models

from labeling.kinds.judgement import JudgementBase
from labeling.models.response import Response


class Rating(JudgementBase):
    """A Judgement of one response on the project's axes."""

    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="ratings")
    # {axis: number}, null where the person said that the axis does not apply. A yes is 1, a no 0.
    scores = models.JSONField()

    class Meta(JudgementBase.Meta):
        constraints = [
            *JudgementBase.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(scores__isnull=False) & ~models.Q(scores={}), name="rating_says_something"
            ),
        ]
