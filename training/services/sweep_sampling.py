"""The sampling jobs' sweeper: what is due and not running, and what stopped beating."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from training.enqueue import enqueue_sampling
from training.models import RunStatus, SamplingJob
from training.states import move_status


@transaction.atomic
def sweep_sampling() -> None:
    """Safe to run at any time and by several at once. A job goes on from what is stored: a lost one is queued."""
    moment = now()
    silent_since = moment - timedelta(seconds=settings.RUN_LOST_AFTER_SECONDS)
    lost = SamplingJob.objects.filter(status=RunStatus.RUNNING).filter(
        Q(heartbeat_at=None) | Q(heartbeat_at__lt=silent_since)
    )
    for job in lost.select_for_update(skip_locked=True, of=("self",)):
        to = RunStatus.CANCELLED if job.cancel_requested_at else RunStatus.QUEUED
        move_status(job, to=to, error="" if job.cancel_requested_at else "Its worker was lost; it goes on by itself.")
    due = SamplingJob.objects.filter(
        Q(next_attempt_at=None) | Q(next_attempt_at__lte=moment),
        Q(after=None) | Q(version__isnull=False) | Q(after__status=RunStatus.SUCCEEDED),
        Q(enqueued_at=None) | Q(enqueued_at__lt=silent_since),
    ).filter(status=RunStatus.QUEUED)
    for job in due.order_by("pk")[:500]:
        if SamplingJob.objects.filter(pk=job.pk, enqueued_at=job.enqueued_at).update(enqueued_at=moment):
            enqueue_sampling(job.pk)
