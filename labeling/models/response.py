from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.prompt import Prompt


class ResponseOrigin(models.TextChoices):
    VERSION = "version", "Model version"
    PERSON = "person", "Person"
    IMPORT = "import", "Import"


class ResponseQuerySet(OrganisationQuerySet["Response"]):
    organisation_path = "prompt__project__organisation"


class Response(models.Model):
    """One answer to a Prompt. The same text is stored once a prompt: two equal answers cannot be compared."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="responses", db_index=False)
    text = models.TextField()
    content_hash = models.CharField(max_length=64)
    origin = models.CharField(max_length=10, choices=ResponseOrigin.choices)
    # A ModelVersion's id. A plain number: labeling knows nothing of the registry.
    version_id = models.BigIntegerField(null=True, blank=True)
    model_name = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="responses", db_index=False
    )
    sampling = models.JSONField(default=dict)
    # A correction that was taken back: no new item shows it.
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = ResponseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "content_hash"], name="response_once_a_prompt"),
            models.CheckConstraint(
                condition=models.Q(origin__in=ResponseOrigin.values), name="response_origin_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["author"], condition=models.Q(author__isnull=False), name="response_by_author"),
        ]

    def __str__(self) -> str:
        return self.text[:80]
