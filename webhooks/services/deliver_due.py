"""The sender: claims, sends, settles, until nothing is due."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from webhooks.services.claim_deliveries import claim_deliveries
from webhooks.services.settle_delivery import settle_delivery

# After so long somebody else gets the worker; the sweep goes on.
DRAIN_SECONDS = 20.0


def deliver_due() -> int:
    """Send what is due; how many attempts were made. Safe to call at any time and by several at once.

    One sender works at a time: receivers that hang hold up one worker at most, and never those that expire leases.
    """
    from webhooks.sending import send_all  # what it sends with is the worker's, not every web process's

    attempts = 0
    with _only_one() as is_mine:
        deadline = time.monotonic() + DRAIN_SECONDS
        while is_mine and time.monotonic() < deadline and (claimed := claim_deliveries()):
            # Not in a transaction: it would be held open for as long as the slowest receiver takes.
            for outcome in asyncio.run(send_all(claimed)):
                settle_delivery(outcome)
                attempts += outcome.tried
    return attempts


@contextmanager
def _only_one() -> Iterator[bool]:
    """A lock of the session: it goes with the connection when this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('webhook sender', 0))")
        (is_mine,) = cursor.fetchone()
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('webhook sender', 0))")
