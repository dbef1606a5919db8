"""The sweeper: what no message reached, what stopped beating, and what waits for a run that will not succeed."""

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts.audit import record_event
from training.enqueue import enqueue_due, enqueue_run
from training.models import RunStatus, TrainingRun
from training.services.followers import cancel_followers
from training.states import move_status


def sweep_runs() -> None:
    """Safe to run at any time and by several at once."""
    _take_back_lost()
    _cancel_what_cannot_start()
    _enqueue_waiting()


@transaction.atomic
def _take_back_lost() -> None:
    # A row that is locked is being finished at this moment.
    lost = TrainingRun.objects.lost().select_related("organisation")
    for run in lost.select_for_update(skip_locked=True, of=("self",)):
        worker = run.claimed_by or "unknown"
        if run.cancel_requested_at:
            move_status(run, to=RunStatus.CANCELLED, error=f"Its worker ({worker}) had gone when it was cancelled.")
        elif run.may_be_resumed:
            sentence = f"Its worker ({worker}) was lost; it is resumed from its last checkpoint."
            move_status(run, to=RunStatus.QUEUED, error=sentence, enqueued_at=now())
            enqueue_run(run.pk)
        else:
            sentence = (
                f"Its worker was lost {run.attempts} times, the last one {worker}: most often the machine ran out of "
                "memory or was switched off. Its checkpoints are kept; retry to go on from there."
            )
            move_status(run, to=RunStatus.FAILED, error=sentence)
        if run.is_finished:
            cancel_followers(run)
        record_event("run lost its worker", by=None, subject=run, organisation=run.organisation, worker=worker)


@transaction.atomic
def _cancel_what_cannot_start() -> None:
    waiting = TrainingRun.objects.filter(status=RunStatus.QUEUED)
    for run in waiting.filter(cancel_requested_at__isnull=False).select_for_update(skip_locked=True):
        move_status(run, to=RunStatus.CANCELLED)
        cancel_followers(run)
    ended = [RunStatus.FAILED, RunStatus.CANCELLED]
    stuck = waiting.filter(after__status__in=ended).values("after")
    # Locked: a retry of the one before would bring these back.
    for run in TrainingRun.objects.filter(pk__in=stuck, status__in=ended).select_for_update(skip_locked=True):
        cancel_followers(run)


@transaction.atomic
def _enqueue_waiting() -> None:
    ready = TrainingRun.objects.unheard().filter(Q(after=None) | Q(after__status=RunStatus.SUCCEEDED))
    enqueue_due(ready, enqueue_run)
