import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Organisation
from accounts.scoping import OrganisationQuerySet
from labeling.models import Project
from models_registry.models import ModelVersion


class ServedResponse(models.Model):
    """An answer given to a real user, with the version and the probability with which that version was chosen."""

    class Status(models.TextChoices):
        STARTED = "started", "Started"
        COMPLETE = "complete", "Complete"
        INTERRUPTED = "interrupted", "Interrupted"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="served_responses")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="served_responses")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="served_responses")
    stage = models.CharField(max_length=10)
    propensity = models.FloatField()
    caller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="served_responses"
    )
    # The end user that the application names (`user`), hashed: it keeps a person on one version, and no name.
    end_user = models.CharField(max_length=64, blank=True)
    messages = models.JSONField()
    text = models.TextField(blank=True)
    sampling = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.STARTED)
    error = models.TextField(blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # While it is being answered: who answers instead when the canary fails. Not stored.
    fallback: ModelVersion | None = None

    objects: ClassVar[Any] = OrganisationQuerySet["ServedResponse"].as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["project", "-created_at", "-id"], name="served_page"),
            models.Index(fields=["created_at"], condition=Q(status="started"), name="served_unfinished"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="served_propensity_is_a_probability"
            ),
        ]

    def __str__(self) -> str:
        return self.completion_id

    @property
    def completion_id(self) -> str:
        """The `id` in the OpenAI answer, which feedback names."""
        return f"chatcmpl-{self.pk.hex}"
