"""Messages are hints: one that cannot be sent is logged, and the sweeper finds the row."""

from collections.abc import Callable
from typing import Any

from celery import Task
from django.db import transaction
from django.utils.timezone import now

from training.models import TrainingRun

# A broker that is down must not hold up a request.
RETRY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
SENT_AT_ONCE = 500


def enqueue_run(run_id: int) -> None:
    """Tell the trainers of a queued run, once the transaction commits."""
    from training.tasks import execute_refit_task, execute_run_task  # they import the services, which import this

    is_refit = TrainingRun.objects.refits().filter(pk=run_id).exists()
    _send(execute_refit_task if is_refit else execute_run_task, run_id)


def enqueue_sampling(job_id: int) -> None:
    """Tell the workers of a queued sampling job, once the transaction commits."""
    from training.tasks import run_sampling_task

    _send(run_sampling_task, job_id)


def enqueue_scoring(job_id: int) -> None:
    """Tell the workers of a queued scoring job, once the transaction commits."""
    from training.tasks import execute_scoring_task

    _send(execute_scoring_task, job_id)


def enqueue_due(due: Any, enqueue: Callable[[int], None]) -> None:
    """A message for each row of the queryset. Of several sweepers one sends it."""
    moment = now()
    for row in due.order_by("pk")[:SENT_AT_ONCE]:
        if due.model.objects.filter(pk=row.pk, enqueued_at=row.enqueued_at).update(enqueued_at=moment):
            enqueue(row.pk)


def _send(task: Task, row_id: int) -> None:
    # As `delay_on_commit`, but a broker that is away is logged instead of raised in the middle of a request.
    transaction.on_commit(lambda: task.apply_async(args=(row_id,), retry_policy=RETRY), robust=True)
