"""Django's ORM from coroutines: a few threads with a lasting connection each.

A connection is held for a query or two and never while the engine writes, so that a hundred open streams need no
hundred connections. Work that was handed over is done even when the client has left.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
R = TypeVar("R")
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="gateway-database")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run the function where it may use the ORM."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, partial(_run, function, *args, **kwargs))


def later_in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> None:
    """As in_database, for a coroutine that is being cancelled and cannot wait."""
    _THREADS.submit(partial(_run, function, *args, **kwargs))


def _run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    # A connection that PostgreSQL has closed meanwhile is noticed and replaced here.
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
