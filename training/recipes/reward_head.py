# ruff: noqa: N815 - shapes stand in the names
"""A linear head over an answer's features whose prior is set by the data.

    score = w . x,   w_i ~ N(0, 1 / precision of i's group)

fitted to everything that was said: pairs, anchors on the absolute scale, rankings (targets.py has the likelihoods).
Features come in two groups, what the text means (hidden states) and how long it is, with a prior scale each. Both
scales maximise the evidence p(votes | scales) in Laplace's approximation. With few votes they pull the head towards
the shared opinion "longer is better (or worse)", with many they let the text speak; and the point estimate comes
out calibrated. The posterior's covariance says how far the weights are known (Laplace again).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import solve_triangular

from training.recipes.intervals import Floats
from training.recipes.targets import RankedAlike, Strength, anchor_loss, fit_tie_width, pair_loss, ranking_loss

_COARSE = np.arange(-8.0, 13.0, 4.0)  # log2 of a precision
_WIDTHS: tuple[float, ...] = (2.0, 1.0, 0.5, 0.25, 0.125)  # of the steps from the best so far
_ROUNDS, _FEW_ROWS = 5, 1000
_NEWTON_STEPS = 50
_CLOSE, _EXACT = 1e-3, 1e-9  # nats gained by the last step: while scales are tried, and of the head that is kept
_BLOCK = 200_000  # multiplications that BLAS does in one thread
POINT_PRECISION = 0.1  # of the point between good and bad answers


@dataclass(frozen=True)
class Head:
    weights: Floats  # (K,)
    covariance: Floats  # (K, K), of the weights, Laplace
    precisions: tuple[float, ...]  # one a group
    log_evidence: float  # nats
    tie_width: float = 0.0  # nu of targets.py
    good_from: float = 0.0  # the score from which an answer is rather good than bad; 0 where nobody said


def _no_rows() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True)
class HeadTargets:
    """What was said, over features. Without anchors or rankings their parts are empty."""

    x_P_K: Floats  # features of the first minus features of the second
    win_P: Floats
    tie_P: Floats
    strength_P: Floats
    weight_P: Floats
    x_Q_K: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # features of the anchored answers
    level_Q: Floats = field(default_factory=_no_rows)
    weight_Q: Floats = field(default_factory=_no_rows)
    rankings: tuple[RankedAlike, ...] = ()  # features (M, R, K), ranks of the R answers, weights (M,)
    form: Strength = "scaled"
    prior_mean_K: Floats | None = None  # of the weights; 0 when absent

    def says_something(self) -> bool:
        """Whether there is any vote in it."""
        return bool(len(self.win_P) or len(self.level_Q) or self.rankings)

    @property
    def rows(self) -> int:
        return len(self.win_P) + len(self.level_Q) + sum(len(weight_M) for _, _, weight_M in self.rankings)

    def with_point(self) -> "HeadTargets":
        """With a last feature whose weight is the point between good and bad: only anchors see it."""
        return replace(
            self,
            x_P_K=np.column_stack([self.x_P_K, np.zeros(len(self.x_P_K))]),
            x_Q_K=np.column_stack([self.x_Q_K, -np.ones(len(self.x_Q_K))]),
            rankings=tuple((np.pad(x, ((0, 0), (0, 0), (0, 1))), ranks, w) for x, ranks, w in self.rankings),
            prior_mean_K=None if self.prior_mean_K is None else np.append(self.prior_mean_K, 0.0),
        )

    def tie_width_at(self, weights_K: Floats) -> float:
        rankings = [(x @ weights_K, ranks, weight) for x, ranks, weight in self.rankings]
        return fit_tie_width(_times(self.x_P_K, weights_K), self.tie_P, self.weight_P * self.strength_P, rankings)


def fit_head(differences_N_K: Floats, wins_N: Floats, counts_N: Floats, groups_K: np.ndarray) -> Head:
    """Fit to pairs alone, a tie counting half a vote for each.

    Args:
        differences_N_K: features of a minus features of b.
        wins_N: share of the votes that went to a, a tie counting half.
        counts_N: votes per pair.
        groups_K: prior group of each feature, 0, 1, ...
    """
    none_N = np.zeros(len(wins_N))
    return fit_targets(HeadTargets(differences_N_K, wins_N, none_N, none_N + 1, counts_N), groups_K)


def fit_targets(targets: HeadTargets, groups_K: np.ndarray, *, precisions: tuple[float, ...] | None = None) -> Head:
    """Fit weights, prior scales, and, where there is something to fit them to, tie width and the point of good.

    Args:
        precisions: one a group, where they are known from a fit to nearly the same votes.
    """
    has_anchors = len(targets.level_Q) > 0
    if has_anchors:
        targets = targets.with_point()
    size = len(groups_K) + has_anchors
    tie_width = targets.tie_width_at(np.zeros(size))
    if precisions is not None:
        given = _fit(targets, groups_K, np.log2(precisions), tie_width, until=_EXACT)
        return _head(given, targets.tie_width_at(given.weights_K), len(groups_K))
    best: _Fitted | None = None
    widths = _WIDTHS
    for _ in range(_ROUNDS):
        before = best
        log2_precisions = _most_evidence(targets, groups_K, before, tie_width, widths)
        best = _fit(targets, groups_K, log2_precisions, tie_width, start=before.weights_K if before else None)
        tie_width, widths = targets.tie_width_at(best.weights_K), _WIDTHS[1:]
        if before and np.abs(log2_precisions - before.log2_precisions).max() < _WIDTHS[-1]:
            break
    assert best is not None
    # With few votes the best weights move with the scales, and the parabola with them.
    for width in (1.0, 0.5, 0.25) if targets.rows <= _FEW_ROWS else ():
        middle = best.log2_precisions
        for move in _moves(len(middle), width):
            best = _better(best, _fit(targets, groups_K, middle + move, tie_width, start=best.weights_K))
    best = _fit(targets, groups_K, best.log2_precisions, tie_width, start=best.weights_K, until=_EXACT)
    return _head(best, tie_width, len(groups_K))


def _most_evidence(
    targets: HeadTargets, groups_K: np.ndarray, at: "_Fitted | None", tie_width: float, widths: tuple[float, ...]
) -> Floats:
    """log2 of the precisions under which the votes are likeliest, the likelihood taken as a parabola about `at`.

    Then the best weights and the evidence follow from matrices alone, whatever the precisions, and the votes are gone
    through once. Where the parabola lies at the best weights themselves, that is Laplace's approximation.
    """
    size = len(groups_K) + (len(targets.level_Q) > 0)
    weights_K = at.weights_K if at else np.zeros(size)
    none_K = np.zeros(size)
    _, gradient_K, curvature = _losses(targets, weights_K, none_K, tie_width)
    hessian_K_K = _hessian(targets, curvature, none_K)
    slope_K = hessian_K_K @ weights_K - gradient_K

    def evidence(log2_precisions: Floats) -> float:
        precision_K = _precision(targets, groups_K, log2_precisions)
        factor_K_K = np.linalg.cholesky(hessian_K_K + np.diag(precision_K))
        half_K = solve_triangular(factor_K_K, slope_K, lower=True, check_finite=False)
        return float(0.5 * half_K @ half_K + 0.5 * np.log(precision_K).sum() - np.log(np.diag(factor_K_K)).sum())

    groups = int(groups_K.max()) + 1
    every = np.stack(np.meshgrid(*[_COARSE] * groups, indexing="ij"), -1).reshape(-1, groups)
    middle = at.log2_precisions if at else max(every, key=evidence)
    for width in widths:
        middle = max(middle + _moves(groups, width), key=evidence)
    return np.asarray(middle)


def _moves(groups: int, width: float) -> Floats:
    """One step or none along each group, staying first."""
    return np.stack(np.meshgrid(*[[0.0, -width, width]] * groups, indexing="ij"), -1).reshape(-1, groups)


def _better(one: "_Fitted", other: "_Fitted") -> "_Fitted":
    return other if other.log_evidence > one.log_evidence else one


def _head(best: "_Fitted", tie_width: float, count: int) -> Head:
    covariance = np.asarray(np.linalg.inv(best.hessian_K_K), dtype=np.float64)[:count, :count]
    good_from = float(best.weights_K[-1]) if len(best.weights_K) > count else 0.0
    precisions = tuple(float(p) for p in 2.0**best.log2_precisions)
    return Head(best.weights_K[:count], covariance, precisions, best.log_evidence, tie_width, good_from)


@dataclass(frozen=True)
class _Fitted:
    weights_K: Floats
    hessian_K_K: Floats  # of the negative log posterior
    log2_precisions: Floats
    log_evidence: float


def _precision(targets: HeadTargets, groups_K: np.ndarray, log2_precisions: Floats) -> Floats:
    precision_K = 2.0 ** log2_precisions[groups_K]
    return np.append(precision_K, POINT_PRECISION) if len(targets.level_Q) else precision_K


def _fit(
    targets: HeadTargets,
    groups_K: np.ndarray,
    log2_precisions: Floats,
    tie_width: float,
    *,
    start: Floats | None = None,
    until: float = _CLOSE,
) -> _Fitted:
    """Newton's method on the posterior, with halved steps where a full one would overshoot; then Laplace's evidence."""
    precision_K = _precision(targets, groups_K, log2_precisions)
    weights = np.zeros(len(precision_K)) if start is None else start
    value, gradient, curvature = _losses(targets, weights, precision_K, tie_width)
    for _ in range(_NEWTON_STEPS):
        step = -np.linalg.solve(_hessian(targets, curvature, precision_K), gradient)
        length = 1.0
        while (new := _losses(targets, weights + length * step, precision_K, tie_width))[0] > value + 1e-12:
            length /= 2
            if length < 1e-6:
                break
        if length < 1e-6:
            break
        gained, weights, (value, gradient, curvature) = value - new[0], weights + length * step, new
        if gained < until:
            break
    hessian = _hessian(targets, curvature, precision_K)
    log_evidence = -value + 0.5 * np.log(precision_K).sum() - 0.5 * np.linalg.slogdet(hessian)[1]
    return _Fitted(weights, hessian, log2_precisions, float(log_evidence))


_Curvature = tuple[Floats, Floats, list[Floats]]  # (P,), (Q,), and (M, R, R) each, weights of votes included


def _losses(
    targets: HeadTargets, weights_K: Floats, precision_K: Floats, tie_width: float
) -> tuple[float, Floats, _Curvature]:
    """The negative log posterior in nats, its gradient (K,), and what its Hessian is made of."""
    away_K = weights_K if targets.prior_mean_K is None else weights_K - targets.prior_mean_K
    value = 0.5 * float(precision_K @ away_K**2)
    gradient_K = precision_K * away_K
    pairs = pair_loss(
        _times(targets.x_P_K, weights_K), targets.win_P, targets.tie_P, targets.strength_P, tie_width, form=targets.form
    )
    value += float(targets.weight_P @ pairs.value_N)
    gradient_K = gradient_K + _summed(targets.x_P_K, targets.weight_P * pairs.gradient_N)
    anchors_Q = np.zeros(0)
    if len(targets.level_Q):
        anchors = anchor_loss(_times(targets.x_Q_K, weights_K), targets.level_Q)
        value += float(targets.weight_Q @ anchors.value_N)
        gradient_K = gradient_K + _summed(targets.x_Q_K, targets.weight_Q * anchors.gradient_N)
        anchors_Q = targets.weight_Q * anchors.curvature_N
    ranked = []
    for x_M_R_K, ranks, weight_M in targets.rankings:
        value_M, gradient_M_R, hessian_M_R_R = ranking_loss(x_M_R_K @ weights_K, ranks, tie_width)
        value += float(weight_M @ value_M)
        gradient_K = gradient_K + np.einsum("m,mr,mrk->k", weight_M, gradient_M_R, x_M_R_K)
        ranked.append(weight_M[:, None, None] * hessian_M_R_R)
    return value, gradient_K, (targets.weight_P * pairs.curvature_N, anchors_Q, ranked)


def _hessian(targets: HeadTargets, curvature: _Curvature, precision_K: Floats) -> Floats:
    pairs_P, anchors_Q, ranked = curvature
    hessian = gram(targets.x_P_K, pairs_P) + np.diag(precision_K)
    if len(anchors_Q):
        hessian = hessian + gram(targets.x_Q_K, anchors_Q)
    for (x_M_R_K, _, _), hessian_M_R_R in zip(targets.rankings, ranked, strict=True):
        rows = x_M_R_K.reshape(-1, x_M_R_K.shape[-1])
        hessian = hessian + rows.T @ (hessian_M_R_R @ x_M_R_K).reshape(rows.shape)
    return hessian


def gram(x_N_K: Floats, weight_N: Floats) -> Floats:
    """x' diag(weight) x.

    In blocks of rows, each too small for BLAS to share it out: its threads wait for each other busily, and where other
    programs want the cores too, a fit of half a second takes twenty.
    """
    count = x_N_K.shape[1]
    rows = max(1, _BLOCK // (count * count))
    whole = len(x_N_K) // rows * rows
    blocks = x_N_K[:whole].reshape(-1, rows, count)
    weighted = blocks * weight_N[:whole].reshape(-1, rows, 1)
    rest = x_N_K[whole:]
    return np.matmul(weighted.transpose(0, 2, 1), blocks).sum(0) + (rest * weight_N[whole:, None]).T @ rest


def _times(x_N_K: Floats, weights_K: Floats) -> Floats:
    return np.einsum("nk,k->n", x_N_K, weights_K)


def _summed(x_N_K: Floats, values_N: Floats) -> Floats:
    return np.einsum("nk,n->k", x_N_K, values_N)


def log_posterior(weights_K: Floats, x_N_K: Floats, wins_N: Floats, counts_N: Floats, precision_K: Floats) -> float:
    """log p(votes | w) + log p(w) for pairs alone, without the prior's normaliser, in nats."""
    margin_N = x_N_K @ weights_K
    # log sigmoid(m) = -log(1 + e^-m), and wins log s(m) + (1 - wins) log s(-m) = wins m - log(1 + e^m)
    likelihood = counts_N @ (wins_N * margin_N - np.logaddexp(0.0, margin_N))
    return float(likelihood - 0.5 * (precision_K * weights_K**2).sum())


def sigmoid(margin: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -margin))
