"""Stopping a run, and taking one up again."""

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from training.enqueue import enqueue_run
from training.errors import IllegalMove
from training.models import RunStatus, TrainingRun
from training.services.followers import cancel_followers, restore_followers
from training.states import move_status


@transaction.atomic
def cancel_run(*, run: TrainingRun, by: Membership) -> TrainingRun:
    """A queued run is cancelled at once; a running one within seconds, by the worker that holds it.

    Raises:
        NotPermitted: the role may not cancel runs.
        IllegalMove: it has ended.
    """
    check_can(by, Permission.START_RUNS)
    run = TrainingRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.is_finished:
        raise IllegalMove(f"This run has ended already: it is {run.status}.")
    if run.status == RunStatus.QUEUED:
        move_status(run, to=RunStatus.CANCELLED, cancel_requested_at=now())
        cancel_followers(run)
    elif run.cancel_requested_at is None:
        run.cancel_requested_at = now()
        run.save(update_fields=["cancel_requested_at"])
    record_event("run cancel requested", by=by, subject=run)
    return run


@transaction.atomic
def retry_run(*, run: TrainingRun, by: Membership) -> TrainingRun:
    """Queue a failed or cancelled run again: it goes on in its directory, from its last checkpoint.

    What was cancelled for its sake is queued with it.

    Raises:
        NotPermitted: the role may not start runs.
        IllegalMove: it has not failed or been cancelled, or the run that it waits for has not succeeded.
    """
    check_can(by, Permission.START_RUNS)
    run = TrainingRun.objects.select_for_update(of=("self",)).select_related("after").get(pk=run.pk)
    if run.after and run.after.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise IllegalMove(f"It waits for run {run.after_id}, which is {run.after.status}: retry that one first.")
    move_status(run, to=RunStatus.QUEUED, attempts=0, cancel_requested_at=None, error="", log_tail="", enqueued_at=None)
    restore_followers(run)
    record_event("run retried", by=by, subject=run)
    enqueue_run(run.pk)
    return run
