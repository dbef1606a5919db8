from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Organisation
from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project


class Snapshot(models.Model):
    """A frozen, content-hashed set of judgements: the only thing that training reads.

    Its files lie in `SNAPSHOTS_DIR/<content_hash>/`: train.jsonl, held_out.jsonl, the prompts of both parts and
    manifest.json.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="snapshots")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="snapshots", db_index=False)
    content_hash = models.CharField(max_length=64)
    manifest = models.JSONField()
    judgement_count = models.PositiveIntegerField()
    # The newest judgement it holds: what came later is new to the next one.
    last_judgement_id = models.BigIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="snapshots"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # When its files were deleted because nothing needed them any more; hash and manifest stay.
    pruned_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = OrganisationQuerySet["Snapshot"].as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # What the sweeper looks through: Accord made it by itself, and its files are there.
            models.Index(
                fields=["created_at"],
                condition=models.Q(created_by__isnull=True, pruned_at__isnull=True),
                name="snapshot_to_prune",
            )
        ]
        constraints = [models.UniqueConstraint(fields=["project", "content_hash"], name="snapshot_once_a_content")]

    def __str__(self) -> str:
        return f"Snapshot {self.content_hash[:12]}"

    @property
    def directory(self) -> Path:
        return Path(settings.SNAPSHOTS_DIR) / self.content_hash
