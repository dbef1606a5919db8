"""What was left lying: feedback without its item, answers that nobody closed."""

from datetime import timedelta

from django.db.models import Q
from django.utils.timezone import now

from models_registry.enqueue import send_on_commit
from serving import tasks
from serving.models import Feedback, ServedResponse

# After its n-th attempt feedback rests so long; after the last one here, as long as that one.
RESTS = [timedelta(seconds=s) for s in (60, 120, 300, 900, 3600)]
GRACE = timedelta(seconds=10)
BATCH = 100
# No answer takes so long: the process that wrote it is gone.
ABANDONED_AFTER = timedelta(hours=1)


def sweep_feedback() -> int:
    """Enqueue what is due again: never attempted though some time old, or rested since its last attempt."""
    moment = now()
    rested = Q(attempted_at=None, created_at__lt=moment - GRACE)
    for attempts, rest in enumerate(RESTS, start=1):
        exactly = Q(attempts=attempts) if attempts < len(RESTS) else Q(attempts__gte=attempts)
        rested |= exactly & Q(attempted_at__lt=moment - rest)
    due = Feedback.objects.filter(rested, settled_at=None).order_by("pk").values_list("pk", flat=True)[:BATCH]
    for pk in (found := list(due)):
        send_on_commit(tasks.settle_feedback_task, pk)
    return len(found)


def sweep_unfinished() -> int:
    """Close answers whose gateway ended in the middle."""
    abandoned = ServedResponse.objects.filter(
        status=ServedResponse.Status.STARTED, created_at__lt=now() - ABANDONED_AFTER
    )
    closed: int = abandoned.update(
        status=ServedResponse.Status.INTERRUPTED, error="The gateway ended before the answer was whole."
    )
    return closed
