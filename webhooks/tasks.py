from celery import shared_task

from webhooks import services


# A hanging task must end before its deliveries are claimed anew: see services/claim_deliveries.py.
@shared_task(soft_time_limit=100, time_limit=110)
def deliver_webhooks_task() -> None:
    services.deliver_due()


@shared_task(soft_time_limit=50, time_limit=60)
def forget_deliveries_task() -> None:
    services.forget_delivered()
