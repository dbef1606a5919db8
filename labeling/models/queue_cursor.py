from django.conf import settings
from django.db import models

from labeling.models.project import Project


class QueueCursor(models.Model):
    """Up to where in a project's queue an annotator has had every open item.

    The lease starts here, so that its cost does not grow with what this person has judged. It holds within one
    `queue_epoch`; slots that come back behind it are found by their `reopened` mark.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="queue_cursors", db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="queue_cursors")
    epoch = models.PositiveIntegerField()
    priority = models.FloatField()
    item_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "annotator"], name="one_cursor_a_project_and_annotator")
        ]

    def __str__(self) -> str:
        return f"{self.annotator_id} in {self.project_id}"
