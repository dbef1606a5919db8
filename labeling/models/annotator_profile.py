from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Membership
from accounts.scoping import OrganisationQuerySet


class AnnotatorProfileQuerySet(OrganisationQuerySet["AnnotatorProfile"]):
    organisation_path = "membership__organisation"


class AnnotatorProfile(models.Model):
    """What a manager knows of an annotator, and how the person likes the desk. Without a row: nothing special."""

    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="annotator_profile")
    # "language:de", "skill:python", "qualified:medicine": what items may ask for.
    tags = ArrayField(models.CharField(max_length=60), default=list)
    paused_at = models.DateTimeField(null=True, blank=True)
    # The desk's: {"keys": {action: key}, "layout", "one_press", "warnings", "pause_minutes"}.
    preferences = models.JSONField(default=dict)

    objects: ClassVar = AnnotatorProfileQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Profile of member {self.membership_id}"
