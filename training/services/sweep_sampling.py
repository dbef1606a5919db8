"""The sampling jobs' sweeper: what is due and not running, and what stopped beating."""

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from training.enqueue import enqueue_due, enqueue_sampling
from training.models import RunStatus, SamplingJob
from training.states import move_status


@transaction.atomic
def sweep_sampling() -> None:
    """Safe to run at any time and by several at once. A job goes on from what is stored: a lost one is queued."""
    for job in SamplingJob.objects.lost().select_for_update(skip_locked=True, of=("self",)):
        to = RunStatus.CANCELLED if job.cancel_requested_at else RunStatus.QUEUED
        move_status(job, to=to, error="" if job.cancel_requested_at else "Its worker was lost; it goes on by itself.")
    due = SamplingJob.objects.unheard().filter(
        Q(next_attempt_at=None) | Q(next_attempt_at__lte=now()),
        Q(after=None) | Q(version__isnull=False) | Q(after__status=RunStatus.SUCCEEDED),
    )
    enqueue_due(due, enqueue_sampling)
