from django.db import models
from django.db.models import F, Q

from labeling.kinds.judgement import JudgementBase
from labeling.models.response import Response


class Correction(JudgementBase):
    """A Judgement that edits a response. The pair (edited over original) is derived from it, never typed.

    The edited text is a Response of its own, written by the annotator. Without one the answer needs no change.
    """

    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="corrections")
    corrected = models.ForeignKey(
        Response, on_delete=models.PROTECT, null=True, blank=True, related_name="corrections_into_it"
    )
    # Words inserted and deleted over the words of both texts: 0 unchanged, 1 nothing kept.
    edit_share = models.FloatField()

    class Meta(JudgementBase.Meta):
        constraints = [
            *JudgementBase.Meta.constraints,
            models.CheckConstraint(
                condition=Q(corrected__isnull=True, edit_share=0.0)
                | Q(corrected__isnull=False, edit_share__gte=0.0, edit_share__lte=1.0),
                name="correction_changes_something_or_nothing",
            ),
            models.CheckConstraint(
                condition=Q(corrected__isnull=True) | ~Q(corrected=F("response")),
                name="correction_is_another_response",
            ),
        ]
