from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.scoping import OrganisationQuerySet
from labeling.models import Item
from serving.models.served_response import ServedResponse


class Signal(models.TextChoices):
    THUMB_UP = "thumb_up", "Thumb up"
    THUMB_DOWN = "thumb_down", "Thumb down"
    EDIT = "edit", "Edited"


class FeedbackQuerySet(OrganisationQuerySet["Feedback"]):
    organisation_path = "served_response__organisation"


class Feedback(models.Model):
    """What a user said of a ServedResponse. A thumb down or an edit becomes an Item, once."""

    served_response = models.ForeignKey(ServedResponse, on_delete=models.PROTECT, related_name="feedback")
    signal = models.CharField(max_length=12, choices=Signal.choices)
    comment = models.TextField(blank=True)
    edited_text = models.TextField(blank=True)
    client_id = models.UUIDField()
    caller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="feedback")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, related_name="feedback")
    # When turning it into an item last failed, how often, and why; the sweeper tries again.
    attempts = models.PositiveSmallIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    # A thumb that the same caller took back by another one on the same answer.
    replaced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = FeedbackQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["served_response", "client_id"], name="feedback_sent_twice_is_stored_once"),
            models.CheckConstraint(
                condition=(Q(signal="edit") & ~Q(edited_text="")) | (~Q(signal="edit") & Q(edited_text="")),
                name="feedback_edit_has_a_text",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(settled_at=None), name="feedback_to_settle")]

    def __str__(self) -> str:
        return f"{self.signal} on {self.served_response_id}"
