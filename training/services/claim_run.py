"""Taking a queued run: of all who try, one succeeds."""

import os
import socket

from django.utils.timezone import now

from training.errors import IllegalMove
from training.models import RunStatus, TrainingRun
from training.states import move_status


def claim_run(*, run_id: int) -> TrainingRun | None:
    """The run, now running under a new fence, or None: it is not queued, or the run before it has not succeeded."""
    run: TrainingRun | None = (
        TrainingRun.objects.select_related("after", "project", "organisation", "snapshot").filter(pk=run_id).first()
    )
    if run is None or run.status != RunStatus.QUEUED or run.cancel_requested_at or not is_ready(run):
        return None
    moment = now()
    try:
        return move_status(
            run,
            to=RunStatus.RUNNING,
            fence=run.fence + 1,
            attempts=1 if run.step > run.step_at_claim else run.attempts + 1,
            step_at_claim=run.step,
            claimed_by=f"{socket.gethostname()}:{os.getpid()}"[:120],
            process_id=None,
            heartbeat_at=moment,
            started_at=run.started_at or moment,
            error="",
        )
    except IllegalMove:  # somebody else was faster, or cancelled it
        return None


def is_ready(run: TrainingRun) -> bool:
    """Whether what the run waits for has succeeded."""
    return run.after is None or run.after.status == RunStatus.SUCCEEDED
