from celery import shared_task

from labeling import services


@shared_task(soft_time_limit=60, time_limit=90)
def expire_leases_task() -> None:
    """Give back what ran out, and keep the queues quick to walk."""
    services.expire_leases()
    services.fold_reopened()
    services.carry_on_unfinished()


@shared_task(soft_time_limit=900, time_limit=960)
def carry_on_bulk_action_task(action_id: int) -> None:
    """The rest of a bulk action that a request began."""
    services.carry_on(action_id, seconds=840)
