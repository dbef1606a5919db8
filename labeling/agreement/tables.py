"""Votes in the two shapes that the coefficients read: label counts an item, contingency tables a pair of annotators."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def count_labels(items_V: Ints, labels_V: Ints, n_labels: int) -> Ints:
    """`counts_NK` of the votes, one row for each item that occurs, in the order of the items' numbers."""
    _, rows_V = np.unique(items_V, return_inverse=True)
    n_items = int(rows_V.max()) + 1 if len(rows_V) else 0
    flat = np.bincount(rows_V * n_labels + labels_V, minlength=n_items * n_labels)
    return flat.reshape(n_items, n_labels).astype(np.int64)


def pair_tables(items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int) -> tuple[Ints, NDArray[np.int64]]:
    """For each two annotators who share items: their numbers (P, 2), the smaller first, and `tables_PKK`.

    `tables_PKK[p, i, j]` counts the items to which the first gave i and the second j. One vote an annotator and item.
    """
    people, codes_V = np.unique(annotators_V, return_inverse=True)
    order = np.lexsort((codes_V, items_V))
    items_V, codes_V, labels_V = items_V[order], codes_V[order], labels_V[order]
    found: list[NDArray[np.int64]] = []
    for first, second in _pairs_in_runs(items_V):
        pair = codes_V[first] * len(people) + codes_V[second]
        found.append((pair * n_labels + labels_V[first]) * n_labels + labels_V[second])
    cells = np.concatenate(found) if found else np.empty(0, np.int64)
    cell, counts = np.unique(cells, return_counts=True)
    pairs, row = np.unique(cell // n_labels**2, return_inverse=True)
    tables = np.zeros((len(pairs), n_labels**2), np.int64)
    tables[row, cell % n_labels**2] = counts
    who = (
        np.stack([people[pairs // len(people)], people[pairs % len(people)]], axis=1)
        if len(pairs)
        else np.empty((0, 2), np.int64)
    )
    return who, tables.reshape(-1, n_labels, n_labels)


def _pairs_in_runs(sorted_V: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Index pairs (i, i + step) whose elements are the same item, one step at a time."""
    for step in range(1, len(sorted_V)):
        first = np.flatnonzero(sorted_V[step:] == sorted_V[:-step])
        if not len(first):
            return
        yield first, first + step
