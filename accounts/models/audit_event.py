from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models.organisation import Organisation
from accounts.scoping import OrganisationQuerySet


class AuditEvent(models.Model):
    """Who did what to which object, and when. A trigger in the database refuses to change or delete a row."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="audit_events")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="audit_events"
    )
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=60, blank=True)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = OrganisationQuerySet["AuditEvent"].as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="audit_by_organisation")]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"
