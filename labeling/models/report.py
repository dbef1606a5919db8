from typing import ClassVar, Self

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.item import Item
from labeling.models.project import Project


class ReportQuerySet(OrganisationQuerySet["Report"]):
    organisation_path = "project__organisation"

    def open(self) -> Self:
        """That no manager has answered."""
        return self.filter(resolved_at=None)


class Report(models.Model):
    """An annotator's note to the manager about an item: something is wrong with it, or not to be decided there."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="reports", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="reports")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="item_reports")
    note = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="resolved_reports"
    )
    answer = models.TextField(blank=True)

    objects: ClassVar = ReportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["project", "resolved_at", "-id"], name="report_by_project")]

    def __str__(self) -> str:
        return f"Report {self.pk}"
