"""Agreement beyond chance, for nominal labels: Cohen's for two annotators, Fleiss' for several."""

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats, distinct_rows, with_interval
from labeling.agreement.figures import Figure
from labeling.agreement.percent import pair_agreement

_Z = 1.959964


def cohen_kappa(table_KK: NDArray[np.int64]) -> Figure | None:
    """Cohen's kappa of a contingency table, with the interval of its large-sample standard error.

    None without items, and where both annotators gave one same label throughout: chance then explains everything.
    Source: Fleiss, Cohen & Everitt, Psychological Bulletin 72 (1969).
    """
    n = int(table_KK.sum())
    found = cohen_kappa_and_error(table_KK)
    if found is None:
        return None
    kappa, error = found
    return Figure(kappa, max(kappa - _Z * error, -1.0), min(kappa + _Z * error, 1.0), n)


def cohen_kappa_and_error(table_KK: NDArray[np.int64]) -> tuple[float, float] | None:
    """Kappa and its standard error."""
    n = table_KK.sum()
    if n == 0:
        return None
    p_KK = table_KK / n
    row_K, column_K = p_KK.sum(axis=1), p_KK.sum(axis=0)
    observed, expected = float(np.trace(p_KK)), float(row_K @ column_K)
    if expected >= 1.0:
        return None
    kappa = (observed - expected) / (1 - expected)
    # [i, j] is the chance that the second annotator says i plus the chance that the first says j.
    margins_KK = column_K[:, None] + row_K[None, :]
    on_diagonal = np.diag(p_KK) @ (1 - np.diag(margins_KK) * (1 - kappa)) ** 2
    off_diagonal = (1 - kappa) ** 2 * ((p_KK * margins_KK**2).sum() - np.diag(p_KK) @ np.diag(margins_KK) ** 2)
    correction = (kappa - expected * (1 - kappa)) ** 2
    variance = (on_diagonal + off_diagonal - correction) / (n * (1 - expected) ** 2)
    return float(kappa), float(np.sqrt(max(variance, 0.0)))


def fleiss_kappa(counts_NK: NDArray[np.int64]) -> Figure | None:
    """Fleiss' kappa over the items with two votes or more; the number of votes may differ between items.

    Source: Fleiss, Psychological Bulletin 76 (1971); chance is the mean over items of each label's share.
    """
    rows_PK, weights_P = distinct_rows(counts_NK)
    agreeing_P = pair_agreement(rows_PK)
    shares_PK = rows_PK / rows_PK.sum(axis=1, keepdims=True)

    def coefficient(weights_BP: Floats) -> Floats:
        n_B = weights_BP.sum(axis=1)
        observed_B = weights_BP @ agreeing_P / n_B
        expected_B = ((weights_BP @ shares_PK / n_B[:, None]) ** 2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa_B: Floats = (observed_B - expected_B) / (1 - expected_B)
        return np.where(expected_B < 1, kappa_B, np.nan)

    return with_interval(weights_P, coefficient)
