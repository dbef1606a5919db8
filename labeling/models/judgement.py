from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from labeling.kinds.judgement import JudgementQuerySet
from labeling.models.item import Item
from labeling.models.project import Project


class Judgement(models.Model):
    """What judgements of all kinds have in common, to be read and counted: a view over their tables."""

    kind = models.CharField(max_length=12)
    project = models.ForeignKey(Project, on_delete=models.DO_NOTHING, related_name="judgements", db_constraint=False)
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="judgements", db_constraint=False)
    assignment_id = models.BigIntegerField()
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="judgements", db_constraint=False
    )
    active_ms = models.PositiveIntegerField(null=True)
    is_surplus = models.BooleanField()
    created_at = models.DateTimeField()
    retracted_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = JudgementQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "labeling_judgement"

    def __str__(self) -> str:
        return f"Judgement {self.pk}: {self.kind}"
