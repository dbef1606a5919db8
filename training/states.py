"""The states of a TrainingRun and of a SamplingJob: one table, and one function that moves a row along it."""

from typing import Any, TypeVar

from django.utils.timezone import now

from training.errors import IllegalMove
from training.models import RunStatus, SamplingJob, TrainingRun

S = RunStatus
MOVES: dict[str, frozenset[RunStatus]] = {
    S.QUEUED: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
    # Back to queued: its worker was lost, or the engine was away.
    S.RUNNING: frozenset({S.QUEUED, S.SUCCEEDED, S.FAILED, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    # A retry goes on in the same directory.
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}
FINISHED = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})

Row = TypeVar("Row", TrainingRun, SamplingJob)


def move_status(row: Row, *, to: RunStatus, **changes: Any) -> Row:
    """Move the row from the status and fence that the caller holds, and write `changes` with it.

    Raises:
        IllegalMove: the table has no such move, or the row has moved on since (a stale copy, a newer claim).
    """
    origin, noun = row.status, row._meta.verbose_name
    if to not in MOVES[origin]:
        raise IllegalMove(f"A {noun} that is {origin} cannot become {to}.")
    changes |= {"status": to, "finished_at": now() if to in FINISHED else None}
    if not type(row).objects.filter(pk=row.pk, status=origin, fence=row.fence).update(**changes):
        raise IllegalMove(f"This {noun} is no longer {origin}. Reload the page to see where it stands.")
    for name, value in changes.items():
        setattr(row, name, value)
    return row
