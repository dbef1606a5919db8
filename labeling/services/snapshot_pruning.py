"""Deleting the files of snapshots that nothing needs. Their rows stay: hash and manifest are a version's lineage."""

import re
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from labeling.models import Snapshot

# In one go: the sweeper comes again.
MOST = 200
# A freeze writes its files before the row that names them, and may take long.
LEFT_BEHIND_AFTER_SECONDS = 6 * 3600
_DELETING = "deleting-"
_OURS = re.compile(r"[0-9a-f]{64}|making-.+|deleting-.+")


def prune_snapshots(*, before: datetime, is_needed: Callable[[Snapshot], bool]) -> int:
    """Delete the files of what Accord froze by itself before then and nobody needs; return of how many.

    Args:
        is_needed: asked with the row locked. A freeze of the same content waits for that lock, and puts files back.
    """
    candidates = Snapshot.objects.filter(created_by=None, pruned_at=None, created_at__lt=before).order_by("created_at")
    pruned = 0
    for pk in list(candidates.values_list("pk", flat=True)):
        pruned += _prune(pk, is_needed)
        if pruned == MOST:
            break
    return pruned


@transaction.atomic
def _prune(pk: int, is_needed: Callable[[Snapshot], bool]) -> bool:
    rows = Snapshot.objects.select_for_update(skip_locked=True)
    snapshot = rows.filter(pk=pk, pruned_at=None).first()
    if snapshot is None or is_needed(snapshot):
        return False
    Snapshot.objects.filter(pk=pk).update(pruned_at=now())
    going = snapshot.directory.with_name(f"{_DELETING}{snapshot.content_hash}-{time.time_ns()}")
    # Out of the way within the lock; should this transaction fail, the files are found to be gone and frozen anew.
    if snapshot.directory.exists():
        snapshot.directory.rename(going)
        transaction.on_commit(lambda: shutil.rmtree(going, ignore_errors=True))
    return True


def delete_left_behind() -> int:
    """Delete directories that no row names: of a freeze that was undone, or of one that was cut short."""
    root = Path(settings.SNAPSHOTS_DIR)
    old = time.time() - LEFT_BEHIND_AFTER_SECONDS
    found = [each for each in root.iterdir() if _OURS.fullmatch(each.name)] if root.is_dir() else []
    stale = [each for each in found if each.is_dir() and each.stat().st_mtime < old]
    named = Snapshot.objects.filter(content_hash__in=[each.name for each in stale], pruned_at=None)
    known = set(named.values_list("content_hash", flat=True))
    left = [each for each in stale if each.name not in known]
    for directory in left:
        shutil.rmtree(directory, ignore_errors=True)
    return len(left)
