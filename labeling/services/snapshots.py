"""Freezing judgements: the only thing that training reads."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.errors import NothingToFreeze
from labeling.models import Judgement, Project, Snapshot
from labeling.services.json_rows import in_blocks
from labeling.services.pairs import kinds_that_train
from labeling.services.snapshot_rows import choose_judgements, files_of, forget_choice
from webhooks.kinds import EventKind
from webhooks.services import emit_event

# 2: rankings and ratings in files of their own; axes, flags, kind, source, policy and propensity in the rows of pairs.
# 3: what an item was chosen by, and the annotators' groups.
SCHEMA_VERSION = 3
FILTERS = {"retracted": False, "surplus": False}


@transaction.atomic
def freeze_snapshot(*, project: Project, by: Membership | None, announce: bool = True) -> Snapshot:
    """Write the counted judgements and the prompts to files that never change, split by prompt.

    The same judgements and prompts give the same hash, and then the snapshot that exists already is returned, with its
    files if they had been deleted.

    Args:
        announce: to webhooks, where it is new.

    Raises:
        NotPermitted: the member may not change projects. Without a member Accord itself acts.
        NothingToFreeze: nobody has judged anything yet.
    """
    if by is not None:
        check_can(by, Permission.MANAGE_PROJECTS)
    judgement_ids, annotators = choose_judgements(project)
    if not judgement_ids:
        raise NothingToFreeze("There are no judgements to freeze yet. Judge some items first.")
    root = Path(settings.SNAPSHOTS_DIR)
    root.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=root))
    try:
        manifest = _write(making, project, judgement_ids, annotators)
        # Held to the end of the transaction: whoever deletes files that nothing needs waits, and sees who needs them.
        existing = Snapshot.objects.select_for_update().filter(project=project, content_hash=manifest["content_hash"])
        known = existing.first()
        _put_in_place(making, root / manifest["content_hash"])
    finally:
        shutil.rmtree(making, ignore_errors=True)
    forget_choice()
    # The ids are in the file; a row that is read with every list of snapshots does without them.
    del manifest["judgement_ids"]
    snapshot, made = Snapshot.objects.get_or_create(
        project=project,
        content_hash=manifest["content_hash"],
        defaults={
            "organisation_id": project.organisation_id,
            "manifest": manifest,
            "judgement_count": len(judgement_ids),
            "last_judgement_id": judgement_ids[-1],
            "created_by": by.user if by else None,
        },
    )
    if known is not None and known.pruned_at:
        existing.update(pruned_at=None)
        snapshot.pruned_at = None
    if made:
        record_event(
            "snapshot frozen", by=by, subject=snapshot, organisation=project.organisation,
            content_hash=snapshot.content_hash, judgements=snapshot.judgement_count,
        )  # fmt: skip
    if made and announce:
        emit_event(
            organisation_id=project.organisation_id, kind=EventKind.SNAPSHOT_FROZEN, project_id=project.pk,
            payload={"snapshot": snapshot.pk, "content_hash": snapshot.content_hash, **manifest["counts"]},
        )  # fmt: skip
    return snapshot


def new_judgements_since_snapshot(project: Project) -> int:
    """Counted judgements that are newer than the newest one in any snapshot."""
    newest = Snapshot.objects.filter(project=project).order_by("-last_judgement_id").first()
    after = newest.last_judgement_id if newest else 0
    newer = Judgement.objects.filter(project=project, pk__gt=after, kind__in=kinds_that_train())
    count: int = newer.filter(retracted_at=None, is_surplus=False).count()
    return count


def _write(directory: Path, project: Project, judgement_ids: list[int], annotators: int) -> dict[str, Any]:
    files = {name: _write_lines(directory / name, lines) for name, lines in files_of(project)}
    frozen = {
        "schema_version": SCHEMA_VERSION,
        "project_id": project.pk,
        "filters": FILTERS,
        "files": {name: files[name] for name in sorted(files)},
    }
    content_hash = hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()
    manifest = frozen | {
        "content_hash": content_hash,
        "counts": {
            "judgements": len(judgement_ids),
            "annotators": annotators,
            **{name.removesuffix(".jsonl"): about["rows"] for name, about in files.items()},
        },
        "judgement_ids": judgement_ids,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
    _write_lines(directory / "manifest.json", iter([text.encode()]))
    return manifest


def _write_lines(path: Path, lines: Iterator[bytes]) -> dict[str, Any]:
    digest = hashlib.sha256()
    rows = 0

    def counted() -> Iterator[bytes]:
        nonlocal rows
        for line in lines:
            rows += 1
            yield line

    with path.open("wb") as file:
        for block in in_blocks(counted()):
            digest.update(block)
            file.write(block)
        file.flush()
        # The row that names the files must not outlive them when the machine goes down.
        os.fsync(file.fileno())
    return {"sha256": digest.hexdigest(), "rows": rows}


def _put_in_place(making: Path, final: Path) -> None:
    making.chmod(0o755)
    try:
        making.rename(final)
    except OSError:
        # A directory is renamed onto one with files by nobody: the same content is there already.
        if not (final / "manifest.json").exists():
            raise
        # Should it have no row yet: what was touched just now is not taken for something left behind.
        os.utime(final)
