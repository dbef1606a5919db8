from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.scoping import OrganisationQuerySet
from labeling.models.prompt import Prompt
from labeling.models.response import Response


class ImportedVerdictQuerySet(OrganisationQuerySet["ImportedVerdict"]):
    organisation_path = "prompt__project__organisation"


class ImportedVerdict(models.Model):
    """What a file said about two answers. No Judgement: nobody was asked here, on these sides and by these guidelines.

    It fills no slot, and agreement and training do not read it; exports have it as what it is.
    """

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="imported_verdicts")
    response_a = models.ForeignKey(
        Response, on_delete=models.PROTECT, related_name="imported_verdicts_as_a", db_index=False
    )
    response_b = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="imported_verdicts_as_b")
    choice = models.CharField(max_length=8)
    # A pseudonym that always begins with "imported-".
    annotator = models.CharField(max_length=40)
    # As the file has it.
    said_at = models.CharField(max_length=40, blank=True)
    source = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = ImportedVerdictQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["response_a", "response_b", "annotator", "said_at"], name="imported_verdict_once"
            ),
            models.CheckConstraint(
                condition=Q(choice__in=["a", "b", "tie", "both_bad"]), name="imported_verdict_choice_is_known"
            ),
            models.CheckConstraint(condition=~Q(response_a=F("response_b")), name="imported_verdict_of_two_responses"),
            models.CheckConstraint(condition=Q(annotator__startswith="imported-"), name="imported_verdict_says_so"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.choice}"
