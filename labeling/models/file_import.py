from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project


class FileImportQuerySet(OrganisationQuerySet["FileImport"]):
    organisation_path = "project__organisation"


class FileImport(models.Model):
    """A file given on a page, from its upload to its report. Its files lie in `IMPORTS_DIR/<folder>/`."""

    class State(models.TextChoices):
        CHOOSING = "choosing", "Waits for its columns"
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="file_imports", db_index=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="file_imports")
    folder = models.UUIDField(default=uuid4, unique=True)
    name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    # As labeling.importing.formats tells it, or as the person said.
    container = models.CharField(max_length=12)
    format = models.CharField(max_length=20)
    columns = models.JSONField(default=dict)
    make_items = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=State.choices)
    # Counts the workers that took it; one that was thought dead and is not finds that it has another's number.
    fence = models.PositiveSmallIntegerField(default=0)
    done_bytes = models.PositiveBigIntegerField(default=0)
    # {"created", "duplicates", "items_made", "verdicts", "rejected_count", "rejected": [[line, reason], …]}
    report = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = FileImportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["choosing", "waiting", "running", "done", "failed"]),
                name="file_import_state_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="file_import_by_project"),
            models.Index(
                fields=["heartbeat_at"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="file_import_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def directory(self) -> Path:
        return Path(settings.IMPORTS_DIR) / str(self.folder)

    @property
    def upload(self) -> Path:
        """Gone when it is done."""
        return self.directory / "upload"

    @property
    def rejected_file(self) -> Path:
        """A table of the rejected rows; there when there are some."""
        return self.directory / "rejected.csv"

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)
