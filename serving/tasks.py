from celery import shared_task

from serving import services
from serving.models import Feedback


@shared_task(soft_time_limit=600, time_limit=660)
def settle_feedback_task(feedback_id: int) -> None:
    """Make an item of feedback."""
    related = Feedback.objects.select_related("served_response__project", "served_response__version__base", "caller")
    services.settle_feedback(related.get(pk=feedback_id))


@shared_task(soft_time_limit=60, time_limit=90)
def sweep_feedback_task() -> None:
    """Look after feedback and answers that were left lying."""
    services.sweep_feedback()
    services.sweep_unfinished()
