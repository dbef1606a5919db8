import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats, distinct_rows, with_interval
from labeling.agreement.figures import Figure


def percent_agreement(counts_NK: NDArray[np.int64], items_N: NDArray[np.int64] | None = None) -> Figure | None:
    """The share of agreeing pairs of annotators an item, averaged over the items with two votes or more. In 0 to 1.

    Args:
        items_N: where rows are parts of items, the item of each: an item's share is the mean of its parts'.
    """
    if items_N is None:
        rows_PK, weights_P = distinct_rows(counts_NK)
        agreeing_P = pair_agreement(rows_PK)
    else:
        usable_N = counts_NK.sum(axis=1) >= 2
        _, rows_U, parts_I = np.unique(items_N[usable_N], return_inverse=True, return_counts=True)
        shares_I = np.bincount(rows_U, pair_agreement(counts_NK[usable_N])) / parts_I
        agreeing_P, weights_P = np.unique(shares_I.round(9), return_counts=True)
    return with_interval(weights_P, lambda weights_BP: weights_BP @ agreeing_P / weights_BP.sum(axis=1))


def pair_agreement(rows_PK: NDArray[np.int64]) -> Floats:
    """For each row, which has two votes or more, the share of its pairs of votes that agree."""
    votes_P = rows_PK.sum(axis=1)
    agreeing: Floats = (rows_PK * (rows_PK - 1)).sum(axis=1) / (votes_P * (votes_P - 1))
    return agreeing
