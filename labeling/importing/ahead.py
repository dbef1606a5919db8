"""Working out the next piece while the one before is being stored, and without the rubbish collector in between."""

import gc
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
