"""The states of runs and of jobs that sample or score: one table, and one function that moves a row along it."""

from typing import Any, TypeVar

from django.utils.timezone import now

from training.errors import IllegalMove
from training.models import RunStatus, SamplingJob, ScoringJob, TrainingRun
from webhooks.kinds import EventKind
from webhooks.services import emit_event

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

Row = TypeVar("Row", TrainingRun, SamplingJob, ScoringJob)


def move_status(row: Row, *, to: RunStatus, **changes: Any) -> Row:
    """Move the row from the status and fence that the caller holds, and write `changes` with it.

    The end of a run is told to webhooks: that move is made in a transaction. Of a refit that Accord began by
    itself only the failure is told.

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
    if to in FINISHED and isinstance(row, TrainingRun):
        _tell(row)
    return row


def _tell(run: TrainingRun) -> None:
    if run.is_refit and run.created_by_id is None and run.status != S.FAILED:
        return  # nobody asked for it, and there are dozens a day
    emit_event(
        organisation_id=run.organisation_id,
        kind=EventKind.RUN_FINISHED,
        project_id=run.project_id,
        payload={
            "run": run.pk, "recipe": run.recipe, "status": run.status, "error": run.error[:300],
            "snapshot": run.snapshot_id, "chain_id": str(run.chain_id) if run.chain_id else None,
        },
    )  # fmt: skip
