"""A Bradley-Terry head whose prior is set by the data.

    P(a beats b) = sigmoid(w . (x_a - x_b)),   w_i ~ N(0, 1 / precision of i's group)

Features come in two groups, what the text means (hidden states) and how long it is, with a prior scale each. Both
scales maximise the evidence p(votes | scales) in Laplace's approximation. With few votes they pull the head towards
the shared opinion "longer is better (or worse)", with many they let the text speak; and the point estimate comes
out calibrated.
"""

from dataclasses import dataclass

import numpy as np

from training.recipes.intervals import Floats

_COARSE = np.arange(-8.0, 13.0, 4.0)  # log2 of a precision
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Head:
    weights: Floats  # (K,)
    covariance: Floats  # (K, K), of the weights, Laplace
    precisions: tuple[float, ...]  # one a group
    log_evidence: float  # nats


def fit_head(differences_N_K: Floats, wins_N: Floats, counts_N: Floats, groups_K: np.ndarray) -> Head:
    """Fit weights and prior scales.

    Args:
        differences_N_K: features of a minus features of b.
        wins_N: share of the votes that went to a, a tie counting half.
        counts_N: votes per pair.
        groups_K: prior group of each feature, 0, 1, ...
    """
    groups = int(groups_K.max()) + 1
    grid = np.stack(np.meshgrid(*[_COARSE] * groups, indexing="ij"), -1).reshape(-1, groups)
    best = max((_fit(differences_N_K, wins_N, counts_N, groups_K, point) for point in grid), key=_evidence)
    for width in (2.0, 1.0, 0.5, 0.25):
        moves = np.stack(np.meshgrid(*[[-width, 0.0, width]] * groups, indexing="ij"), -1).reshape(-1, groups)
        middle = np.log2(best.precisions)
        candidates = (
            _fit(differences_N_K, wins_N, counts_N, groups_K, middle + move, start=best.weights) for move in moves
        )
        best = max(candidates, key=_evidence)
    return best


def _evidence(head: Head) -> float:
    return head.log_evidence


def _fit(
    x_N_K: Floats,
    wins_N: Floats,
    counts_N: Floats,
    groups_K: np.ndarray,
    log2_precisions: Floats,
    *,
    start: Floats | None = None,
) -> Head:
    """Newton's method on the posterior, with halved steps where a full one would overshoot; then Laplace's evidence."""
    precision_K = 2.0 ** log2_precisions[groups_K]
    weights = np.zeros(x_N_K.shape[1]) if start is None else start.copy()
    value = log_posterior(weights, x_N_K, wins_N, counts_N, precision_K)
    for _ in range(_NEWTON_STEPS):
        p_N = sigmoid(x_N_K @ weights)
        gradient = x_N_K.T @ (counts_N * (wins_N - p_N)) - precision_K * weights
        hessian = (x_N_K * (counts_N * p_N * (1 - p_N))[:, None]).T @ x_N_K + np.diag(precision_K)
        step = np.linalg.solve(hessian, gradient)
        length = 1.0
        while (new := log_posterior(weights + length * step, x_N_K, wins_N, counts_N, precision_K)) < value - 1e-12:
            length /= 2
            if length < 1e-6:
                new = value
                break
        gained, weights, value = new - value, weights + length * step, new
        if gained < 1e-9:
            break
    p_N = sigmoid(x_N_K @ weights)
    hessian = (x_N_K * (counts_N * p_N * (1 - p_N))[:, None]).T @ x_N_K + np.diag(precision_K)
    log_evidence = value + 0.5 * np.log(precision_K).sum() - 0.5 * np.linalg.slogdet(hessian)[1]
    return Head(
        weights, np.asarray(np.linalg.inv(hessian), dtype=np.float64), tuple(2.0**log2_precisions), float(log_evidence)
    )


def log_posterior(weights_K: Floats, x_N_K: Floats, wins_N: Floats, counts_N: Floats, precision_K: Floats) -> float:
    """log p(votes | w) + log p(w), without the prior's normaliser, in nats."""
    margin_N = x_N_K @ weights_K
    # log sigmoid(m) = -log(1 + e^-m), and wins log s(m) + (1 - wins) log s(-m) = wins m - log(1 + e^m)
    likelihood = counts_N @ (wins_N * margin_N - np.logaddexp(0.0, margin_N))
    return float(likelihood - 0.5 * (precision_K * weights_K**2).sum())


def sigmoid(margin: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -margin))
