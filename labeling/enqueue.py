"""Messages are hints: one that cannot be sent is logged, and a sweeper finds the row."""

from typing import Any

from celery import Task
from django.db import transaction

# A broker that is down must not hold up a request.
RETRY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}


def send_on_commit(task: Task, *args: Any) -> None:
    """As `delay_on_commit`, but a broker that is away is logged instead of raised in the middle of a request."""
    transaction.on_commit(lambda: task.apply_async(args=args, retry_policy=RETRY), robust=True)
