"""Working out the next piece while the one before is being stored, and what Python does about that by itself."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def one_ahead(pieces: Iterator[T]) -> Iterator[T]:
    """The same pieces, each made by a thread while whoever takes them waits for the database with the one before."""
    with ThreadPoolExecutor(1, thread_name_prefix="import") as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece


_USUAL = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect cycles a hundred times less often: the records of an import make none, and live just long enough to be
    walked again and again, a quarter of all its time."""
    gc.set_threshold(100_000, *_USUAL[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_USUAL)


_USUAL_TURN = sys.getswitchinterval()


@contextmanager
def short_turns() -> Iterator[None]:
    """Let the threads take turns ten times as often: whoever sends to PostgreSQL needs the interpreter for a moment
    whenever there is room in the socket, and while it waits for a thread that computes, PostgreSQL stands still."""
    sys.setswitchinterval(_USUAL_TURN / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_TURN)
