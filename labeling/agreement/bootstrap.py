"""Intervals by resampling items.

Items with the same counts are the same to every coefficient. So a resample of a million items is one draw of how often
each of a few distinct rows occurs, and costs the same as one of a hundred.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.figures import Figure

Floats = NDArray[np.float64]
RESAMPLES = 1000
_CHUNK_CELLS = 4_000_000
_MAX_BLOCKS = 5000


def distinct_rows(counts_NK: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that two or more annotators labelled, each once (P, K), and how often each occurs (P,)."""
    usable = counts_NK[counts_NK.sum(axis=1) >= 2]
    if not len(usable):
        return usable, np.empty(0, np.int64)
    # Sorting rows as single numbers is many times faster than sorting them as rows, where they fit into one.
    base = int(usable.max()) + 1
    if base ** usable.shape[1] < 2**62:
        powers = base ** np.arange(usable.shape[1], dtype=np.int64)
        _, first, weights = np.unique(usable @ powers, return_index=True, return_counts=True)
        return usable[first], weights
    rows, weights = np.unique(usable, axis=0, return_counts=True)
    return rows, weights


def in_blocks(parts_NC: Floats) -> Floats:
    """What items add, summed over neighbours where there are so many that resampling them one by one takes seconds."""
    size = -(-len(parts_NC) // _MAX_BLOCKS)
    if size < 2:
        return parts_NC
    blocks: Floats = np.add.reduceat(parts_NC, np.arange(0, len(parts_NC), size), axis=0)
    return blocks


def with_interval(
    weights_P: NDArray[np.int64], coefficient: Callable[[Floats], Floats], *, seed: int = 0, items: int | None = None
) -> Figure | None:
    """The coefficient with its 95 % percentile interval, or None where it is not defined.

    Args:
        weights_P: how often each distinct row occurs.
        coefficient: maps weights (B, P) to values (B,); not a number where undefined.
        seed: fixed, so that a page that is loaded again shows the same figures.
        items: how many there are, where a row stands for several.
    """
    n = int(weights_P.sum())
    if n == 0:
        return None
    value = float(coefficient(weights_P[None, :].astype(np.float64))[0])
    if not np.isfinite(value):
        return None
    draw = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_CELLS // len(weights_P))
    values: list[Floats] = []
    for start in range(0, RESAMPLES, chunk):
        size = min(chunk, RESAMPLES - start)
        values.append(coefficient(draw.multinomial(n, weights_P / n, size=size).astype(np.float64)))
    drawn = np.concatenate(values)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (value, value)
    return Figure(value, min(float(low), value), max(float(high), value), n if items is None else items)
