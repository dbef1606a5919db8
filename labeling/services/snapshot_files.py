"""The files of a snapshot, to be taken along."""

from typing import BinaryIO

from accounts.audit import record_event
from accounts.errors import NotFound
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Snapshot
from labeling.services.snapshot_rows import file_names


def open_snapshot_file(*, snapshot: Snapshot, by: Membership, name: str) -> BinaryIO:
    """The file, open for reading; the trail says who took it.

    Raises:
        NotPermitted
        NotFound: there is no file of this name, or it is gone from the data directory.
    """
    check_can(by, Permission.EXPORT)
    names = [*file_names(), "manifest.json"]
    if name not in names:
        raise NotFound(f"A snapshot has no file {name[:40]!r}. It has {', '.join(names)}.")
    path = snapshot.directory / name
    if snapshot.pruned_at:
        raise NotFound(
            f"The files of this snapshot were deleted on {snapshot.pruned_at:%Y-%m-%d}, as nothing needed them any "
            "more: a later refit replaced the one that read it. Its hash and its manifest are kept."
        )
    if not path.is_file():
        raise NotFound(f"{name} of this snapshot is not in the data directory any more. Restore it from a backup.")
    record_event("snapshot downloaded", by=by, subject=snapshot, file=name)
    return path.open("rb")
