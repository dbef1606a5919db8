"""Of two transactions that wait for each other PostgreSQL ends one: nothing of it has happened, so it may try again."""

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

T = TypeVar("T")
TRIES = 5


def despite_deadlocks(act: Callable[[], T]) -> T:
    """What `act` answers, in a transaction of its own; after TRIES deadlocks the last one is raised."""
    for _ in range(TRIES - 1):
        try:
            with transaction.atomic():
                return act()
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    with transaction.atomic():
        return act()
