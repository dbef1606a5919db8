"""Krippendorff's alpha: any number of annotators, missing values, nominal, ordinal or interval labels."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats, distinct_rows, in_blocks, with_interval
from labeling.agreement.figures import Figure


def krippendorff_alpha(
    counts_NK: NDArray[np.int64],
    level: Literal["nominal", "ordinal"] = "nominal",
    items_N: NDArray[np.int64] | None = None,
) -> Figure | None:
    """Alpha with its interval over resampled items. None where nothing varies, or no item has two votes.

    For ordinal labels the columns of `counts_NK` are in the labels' order.
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).

    Args:
        items_N: where rows are parts of items (two of the answers of a ranking), the item of each: items are
            resampled as wholes.
    """
    n_labels = counts_NK.shape[1]
    if items_N is None:
        rows_PK, weights_P = distinct_rows(counts_NK)
        added_PKK, n_items = _coincidences(rows_PK), int(weights_P.sum())
    else:
        added_PKK, n_items = _of_whole_items(counts_NK, items_N)
        weights_P = np.ones(len(added_PKK), np.int64)

    def coefficient(weights_BP: Floats) -> Floats:
        coincidences_BKK = (weights_BP @ added_PKK.reshape(len(weights_P), -1)).reshape(-1, n_labels, n_labels)
        totals_BK = coincidences_BKK.sum(axis=2)
        n_B = totals_BK.sum(axis=1)
        distances_BKK = _distances(totals_BK, level)
        observed_B = (coincidences_BKK * distances_BKK).sum(axis=(1, 2))
        expected_B = (totals_BK[:, :, None] * totals_BK[:, None, :] * distances_BKK).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected_B > 0, 1 - (n_B - 1) * observed_B / expected_B, np.nan)

    return with_interval(weights_P, coefficient, items=n_items)


def interval_alpha(items_V: NDArray[np.int64], values_V: Floats) -> Figure | None:
    """Alpha for numbers, whose differences count as squares; one vote (item, value) an entry.

    Sums are enough for it, so that it costs the same however many different numbers there are.
    """
    _, rows_V, votes_N = np.unique(items_V, return_inverse=True, return_counts=True)
    kept_V = votes_N[rows_V] >= 2
    if not kept_V.any():
        return None
    _, rows_V, votes_P = np.unique(rows_V[kept_V], return_inverse=True, return_counts=True)
    # Around the mean, for sums of squares of large numbers lose what differs.
    values_V = values_V[kept_V] - values_V[kept_V].mean()
    sums_P = np.bincount(rows_V, values_V)
    squares_P = np.bincount(rows_V, values_V**2)
    apart_P = 2 * (votes_P * squares_P - sums_P**2) / (votes_P - 1)
    parts_P4 = in_blocks(np.stack([votes_P, sums_P, squares_P, apart_P], axis=1, dtype=np.float64))

    def coefficient(weights_BP: Floats) -> Floats:
        n_B, sum_B, squares_B, observed_B = (weights_BP @ parts_P4).T
        expected_B = 2 * (n_B * squares_B - sum_B**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected_B > 1e-9 * n_B**2, 1 - (n_B - 1) * observed_B / expected_B, np.nan)

    return with_interval(np.ones(len(parts_P4), np.int64), coefficient, items=len(votes_P))


def _coincidences(rows_PK: NDArray[np.int64]) -> Floats:
    """What each row adds: its ordered pairs of votes, over its number of votes less one."""
    votes_P = rows_PK.sum(axis=1)
    pairs_PKK = rows_PK[:, :, None] * (rows_PK[:, None, :] - np.eye(rows_PK.shape[1], dtype=np.int64))
    added: Floats = pairs_PKK / np.maximum(votes_P - 1, 1)[:, None, None]
    return added


def _of_whole_items(counts_NK: NDArray[np.int64], items_N: NDArray[np.int64]) -> tuple[Floats, int]:
    """The sums of what the rows of each item add, and how many items there are."""
    usable_N = counts_NK.sum(axis=1) >= 2
    n_labels = counts_NK.shape[1]
    if not usable_N.any():
        return np.empty((0, n_labels, n_labels)), 0
    _, rows_U = np.unique(items_N[usable_N], return_inverse=True)
    added_UC = _coincidences(counts_NK[usable_N]).reshape(-1, n_labels**2)
    sums_IC: Floats = np.stack([np.bincount(rows_U, added_U) for added_U in added_UC.T], axis=1, dtype=np.float64)
    return in_blocks(sums_IC).reshape(-1, n_labels, n_labels), len(sums_IC)


def _distances(totals_BK: Floats, level: str) -> Floats:
    """Squared distances between labels (B, K, K); for ordinal ones by how many values lie between the two."""
    n_labels = totals_BK.shape[1]
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(n_labels), (len(totals_BK), n_labels, n_labels))
    # The place of a label on the line of all values, at its own middle.
    middle_BK = np.cumsum(totals_BK, axis=1) - totals_BK / 2
    distances: Floats = (middle_BK[:, :, None] - middle_BK[:, None, :]) ** 2
    return distances
