"""Messages are hints: one that cannot be sent is logged, and the sweep finds the rows."""

import time

from celery import Task
from django.db import transaction

# A broker that is down must not hold up a request.
RETRY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
# One message makes a worker send all that is due: a process that judges all day sends one a second at most.
HINT_SECONDS = 1.0
_last_hint = float("-inf")


def hint_delivery() -> None:
    """Tell a worker that something is due, once the transaction commits."""
    from webhooks.tasks import deliver_webhooks_task  # it imports the services, which import this

    transaction.on_commit(lambda: _send(deliver_webhooks_task), robust=True)


def _send(task: Task) -> None:
    global _last_hint
    moment = time.monotonic()
    if moment - _last_hint >= HINT_SECONDS:
        _last_hint = moment
        task.apply_async(retry_policy=RETRY)
