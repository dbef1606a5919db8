from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from labeling.kinds.judgement import JudgementBase


class Ranking(JudgementBase):
    """A Judgement that puts three to nine responses in order.

    `ranks[i]` is the place of `response_ids[i]`: 1 is best, equal answers share a place, and no place is left out
    (1, 2, 2, 3). The responses are in the order in which the person saw them; the Item keeps them from being deleted.
    """

    response_ids = ArrayField(models.BigIntegerField())
    ranks = ArrayField(models.PositiveSmallIntegerField())

    class Meta(JudgementBase.Meta):
        constraints = [
            *JudgementBase.Meta.constraints,
            models.CheckConstraint(
                condition=Q(response_ids__len__range=(3, 9), ranks__len=F("response_ids__len")),
                name="ranking_has_a_place_for_each_response",
            ),
            models.CheckConstraint(condition=Q(ranks__contains=[1]), name="ranking_has_a_best_response"),
        ]
