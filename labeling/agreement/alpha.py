"""Krippendorff's alpha: any number of annotators, missing values, nominal or ordinal labels."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats, distinct_rows, with_interval
from labeling.agreement.figures import Figure


def krippendorff_alpha(counts_NK: NDArray[np.int64], level: Literal["nominal", "ordinal"] = "nominal") -> Figure | None:
    """Alpha with its interval over resampled items. None where nothing varies, or no item has two votes.

    For ordinal labels the columns of `counts_NK` are in the labels' order.
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
    """
    rows_PK, weights_P = distinct_rows(counts_NK)
    n_labels = counts_NK.shape[1]
    votes_P = rows_PK.sum(axis=1)
    # What one item adds to the coincidences: its ordered pairs of votes, over its number of votes less one.
    pairs_PKK = rows_PK[:, :, None] * rows_PK[:, None, :] - rows_PK[:, :, None] * np.eye(n_labels, dtype=np.int64)
    added_PKK = pairs_PKK / np.maximum(votes_P - 1, 1)[:, None, None]

    def coefficient(weights_BP: Floats) -> Floats:
        coincidences_BKK = (weights_BP @ added_PKK.reshape(len(rows_PK), -1)).reshape(-1, n_labels, n_labels)
        totals_BK = coincidences_BKK.sum(axis=2)
        n_B = totals_BK.sum(axis=1)
        distances_BKK = _distances(totals_BK, level)
        observed_B = (coincidences_BKK * distances_BKK).sum(axis=(1, 2))
        expected_B = (totals_BK[:, :, None] * totals_BK[:, None, :] * distances_BKK).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected_B > 0, 1 - (n_B - 1) * observed_B / expected_B, np.nan)

    return with_interval(weights_P, coefficient)


def _distances(totals_BK: Floats, level: str) -> Floats:
    """Squared distances between labels (B, K, K); for ordinal ones by how many values lie between the two."""
    n_labels = totals_BK.shape[1]
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(n_labels), (len(totals_BK), n_labels, n_labels))
    # The place of a label on the line of all values, at its own middle.
    middle_BK = np.cumsum(totals_BK, axis=1) - totals_BK / 2
    distances: Floats = (middle_BK[:, :, None] - middle_BK[:, None, :]) ** 2
    return distances
