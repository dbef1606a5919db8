from typing import ClassVar

from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project


class PromptQuerySet(OrganisationQuerySet["Prompt"]):
    organisation_path = "project__organisation"


class Prompt(models.Model):
    """A conversation to answer: `[{"role", "content"}, …]`. The same one is stored once a project."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="prompts", db_index=False)
    messages = models.JSONField()
    content_hash = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=60, blank=True)
    metadata = models.JSONField(default=dict)
    # Decided once from the content hash, so that a prompt never moves between the parts of a split.
    held_out = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = PromptQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "content_hash"], name="prompt_once_a_project")]

    def __str__(self) -> str:
        return self.last_user_text[:80]

    @property
    def last_user_text(self) -> str:
        """The text that is to be answered."""
        return str(self.messages[-1]["content"]) if self.messages else ""
