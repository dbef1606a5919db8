"""The runs that wait for a run: told when it succeeds, cancelled with it when it does not, back when it is retried."""

from django.db.models import QuerySet

from training.enqueue import enqueue_run, enqueue_sampling
from training.models import RunStatus, TrainingRun
from training.states import move_status


def _followers(run: TrainingRun, status: RunStatus) -> "QuerySet[TrainingRun]":
    found: QuerySet[TrainingRun] = run.followers.filter(status=status).select_for_update().order_by("pk")
    return found


def enqueue_followers(run: TrainingRun) -> None:
    """At once, rather than at the next sweep."""
    for follower_id in run.followers.filter(status=RunStatus.QUEUED).values_list("pk", flat=True):
        enqueue_run(follower_id)
    for job_id in run.sampling_jobs.filter(status=RunStatus.QUEUED).values_list("pk", flat=True):
        enqueue_sampling(job_id)


def cancel_followers(run: TrainingRun) -> int:
    """Cancel, all the way down, what waits for a run that failed or was cancelled; in the caller's transaction."""
    count = 0
    sentence = f"Not started: run {run.pk} ({run.get_recipe_display()}), which it waits for, {_ended(run)}."
    for follower in _followers(run, RunStatus.QUEUED):
        move_status(follower, to=RunStatus.CANCELLED, error=sentence)
        count += 1 + cancel_followers(follower)
    return count


def restore_followers(run: TrainingRun) -> None:
    """Queue again what was cancelled for this run's sake alone: it was never claimed and nobody asked to cancel it."""
    for follower in _followers(run, RunStatus.CANCELLED).filter(cancel_requested_at=None, fence=0):
        move_status(follower, to=RunStatus.QUEUED, error="")
        restore_followers(follower)


def _ended(run: TrainingRun) -> str:
    return "failed" if run.status == RunStatus.FAILED else "was cancelled"
