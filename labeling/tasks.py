from celery import shared_task

from labeling import services


@shared_task(soft_time_limit=60, time_limit=90)
def expire_leases_task() -> None:
    """Give back what ran out, and keep the queues quick to walk."""
    services.expire_leases()
    services.fold_reopened()
