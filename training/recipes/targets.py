# ruff: noqa: N815 - shapes stand in the names
"""What a vote costs a reward model: a loss for each kind of judgement, in numpy for the head, in torch for a body.

All are negative log-likelihoods of one model of choice. An answer of score s is worth e^s; a set of answers that
share a place is worth nu^(its size - 1) times the geometric mean of their worths; and of what could be chosen each is
chosen in proportion to its worth.

    two answers        {a}, {b} or {a, b}: Bradley-Terry with ties (R. R. Davidson, JASA 65, 1970, eq. 2.4). With
                       d = s_a - s_b and both sides divided by sqrt(worth a * worth b):
                           P(a) = e^(d/2) / Z,  P(b) = e^(-d/2) / Z,  P(tie) = nu / Z,  Z = e^(d/2) + e^(-d/2) + nu
                       Among the votes that prefer one, P(a) is sigmoid(d), whatever nu. With nu = 0 a tie is half a
                       vote for each: -log(P(a) P(b)) / 2 = log Z, which is the formula without its log nu.
    a ranking          one choice after the other among what is left: Plackett-Luce, with ties after Davidson (Firth,
                       Kosmidis & Turner, "Davidson-Luce model for multi-item choice with ties", 2019). They fit one
                       factor a size of tie; here it is nu for each further answer, so that pairs and rankings agree.
    one answer         "good" or "not good enough", of worths e^s and e^c: P(good) = sigmoid(s - c). A level between 0
                       and 1 is the share of people who would say good (Papke & Wooldridge, J. Appl. Econometrics 11,
                       1996). The point c is fitted with the rest.

A preference with a strength m counts m times ("scaled Bradley-Terry", Wang et al., HelpSteer2-Preference, 2024:
-m log sigmoid(d)), or must be won by a margin of (m - 1) / 3 ("margin", Touvron et al., Llama 2, 2023, section 3.2.2:
-log sigmoid(d - margin), steps of a third).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.recipes.intervals import Floats

Strength = Literal["scaled", "margin"]
MARGIN_STEP = 1 / 3  # nats of difference a step of strength
_ETA_LOW, _ETA_HIGH = -7.0, 5.0  # log nu: from one tie in 3,000 to 99 in 100 between equals


RankedAlike = tuple[Floats, Sequence[int], Floats]


class Terms(NamedTuple):
    """A loss in nats with its first two derivatives, one entry a row."""

    value_N: Floats
    gradient_N: Floats
    curvature_N: Floats


def pair_loss(
    delta_P: Floats, win_P: Floats, tie_P: Floats, strength_P: Floats, tie_width: float, *, form: Strength = "scaled"
) -> Terms:
    """Nats a pair, and the derivatives in the difference.

    Args:
        delta_P: score of the first minus score of the second.
        win_P, tie_P: shares of the votes; the rest prefers the second.
        strength_P: m >= 1.
        tie_width: nu >= 0.
    """
    lose_P = 1.0 - win_P - tie_P
    if form == "scaled":
        terms = _davidson(delta_P, win_P, tie_P, tie_width)
        return Terms(*(strength_P * term for term in terms))
    margin_P = MARGIN_STEP * (strength_P - 1)
    none_P = np.zeros_like(delta_P)
    parts = [
        (win_P, _davidson(delta_P - margin_P, none_P + 1, none_P, tie_width)),
        (lose_P, _davidson(delta_P + margin_P, none_P, none_P, tie_width)),
        (tie_P, _davidson(delta_P, none_P, none_P + 1, tie_width)),
    ]
    return Terms(*(sum(share * part[n] for share, part in parts) for n in range(3)))  # type: ignore[arg-type]


def anchor_loss(height_Q: Floats, level_Q: Floats) -> Terms:
    """Nats an anchor, and the derivatives in the height: the answer's score over the point between good and bad."""
    good_Q = np.exp(-np.logaddexp(0.0, -height_Q))
    return Terms(np.logaddexp(0.0, height_Q) - level_Q * height_Q, good_Q - level_Q, good_Q * (1 - good_Q))


def ranking_loss(scores_M_K: Floats, ranks: Sequence[int], tie_width: float) -> tuple[Floats, Floats, Floats]:
    """Nats (M,), gradient (M, K) and Hessian (M, K, K) in the scores of M rankings that gave the same `ranks`, 1 best.

    Of one ranking, scores (K,), the answers lack the dimension M.
    """
    value_M, gradient_M_K = np.zeros(scores_M_K.shape[:-1]), np.zeros_like(scores_M_K)
    hessian_M_K_K = np.zeros((*scores_M_K.shape, len(ranks)))
    for stage in ranking_stages(tuple(ranks), tie_width > 0):
        p_M_T, log_z_M = stage.probabilities(scores_M_K, tie_width)
        mean_M_K = p_M_T @ stage.shares_T_K
        value_M = value_M + log_z_M - scores_M_K @ stage.chosen_K - stage.chosen_more * _log(tie_width)
        gradient_M_K = gradient_M_K + mean_M_K - stage.chosen_K
        both_M_K_K = np.einsum("...t,tk,tj->...kj", p_M_T, stage.shares_T_K, stage.shares_T_K, optimize=True)
        hessian_M_K_K += both_M_K_K - mean_M_K[..., :, None] * mean_M_K[..., None, :]
    return value_M, gradient_M_K, hessian_M_K_K


def fit_tie_width(delta_P: Floats, tie_P: Floats, weight_P: Floats, rankings: Sequence[RankedAlike] = ()) -> float:
    """The nu under which ties are as likely as they were, given the scores; 0 where nobody said so.

    Args:
        rankings: scores (M, K), ranks and weights (M,) of those that gave the same ranks.
    """
    stages = [(s, stage, w) for s, ranks, w in rankings for stage in ranking_stages(tuple(ranks), True)]
    if not weight_P @ tie_P + sum(float(np.sum(w)) * stage.chosen_more for _, stage, w in stages):
        return 0.0
    eta, free_P = -1.0, np.logaddexp(delta_P / 2, -delta_P / 2)
    for _ in range(50):
        p_P = np.exp(eta - np.logaddexp(free_P, eta))
        slope, bend = float(weight_P @ (p_P - tie_P)), float(weight_P @ (p_P * (1 - p_P)))
        for scores_M_K, stage, weight_M in stages:
            p_M_T, _ = stage.probabilities(scores_M_K, math.exp(eta))
            mean_M = p_M_T @ stage.more_T
            slope += float(np.sum(weight_M * (mean_M - stage.chosen_more)))
            bend += float(np.sum(weight_M * (p_M_T @ stage.more_T**2 - mean_M**2)))
        # Held, and steps of at most 1: where everything is a tie the likelihood grows for ever.
        step = float(np.clip(slope / max(bend, 1e-9), -1.0, 1.0))
        eta = float(np.clip(eta - step, _ETA_LOW, _ETA_HIGH))
        if abs(step) < 1e-9:
            break
    return math.exp(eta)


def fit_good_from(score_Q: Floats, level_Q: Floats, weight_Q: Floats, *, precision: float) -> float:
    """The point c between good and bad under which the levels are likeliest, given the scores.

    Args:
        precision: of c's prior around 0.
    """
    point = 0.0
    for _ in range(50):
        anchors = anchor_loss(score_Q - point, level_Q)
        slope = precision * point - float(weight_Q @ anchors.gradient_N)
        step = float(np.clip(slope / (precision + float(weight_Q @ anchors.curvature_N)), -1.0, 1.0))
        point -= step
        if abs(step) < 1e-9:
            break
    return point


class Stage(NamedTuple):
    """One choice in a ranking: the next place, out of what is left."""

    shares_T_K: Floats  # row t: 1 / size for each answer of the t-th set that could be chosen
    more_T: Floats  # its size - 1
    chosen_K: Floats
    chosen_more: int

    def probabilities(self, scores_M_K: Floats, tie_width: float) -> tuple[Floats, Floats]:
        """Of each set, (M, T), and the logarithm of their worths' sum, (M,)."""
        worth_M_T = scores_M_K @ self.shares_T_K.T + self.more_T * _log(tie_width)
        top_M = worth_M_T.max(-1, keepdims=True)
        p_M_T = np.exp(worth_M_T - top_M)
        total_M = p_M_T.sum(-1, keepdims=True)
        return p_M_T / total_M, (top_M + np.log(total_M))[..., 0]


@lru_cache(maxsize=4096)
def ranking_stages(ranks: tuple[int, ...], with_ties: bool) -> list[Stage]:
    """The choices that make up a ranking. The last place is no choice, unless it could have been shared otherwise."""
    left, stages = list(range(len(ranks))), []
    while len(left) > 1:
        best = [k for k in left if ranks[k] == min(ranks[j] for j in left)]
        sizes = range(1, len(left) + 1) if with_ties else (1,)
        sets = [chosen for size in sizes for chosen in combinations(left, size)]
        rows = [_share(chosen, len(ranks)) for chosen in [*sets, best]]
        more = np.array([len(chosen) - 1.0 for chosen in sets])
        # Without ties in the model a shared place is each of its answers chosen once, an equal part of a choice each.
        stages.append(Stage(np.array(rows[:-1]), more, rows[-1], len(best) - 1))
        left = [k for k in left if k not in best]
    return stages


def pair_loss_tensor(
    delta_P: Tensor, win_P: Tensor, tie_P: Tensor, strength_P: Tensor, tie_width: float, *, form: Strength = "scaled"
) -> Tensor:
    """`pair_loss` for autograd: nats a pair, shape (P,)."""
    if form == "scaled":
        return strength_P * _davidson_tensor(delta_P, win_P, tie_P, tie_width)
    margin_P, none_P = MARGIN_STEP * (strength_P - 1), torch.zeros_like(delta_P)
    return (
        win_P * _davidson_tensor(delta_P - margin_P, none_P + 1, none_P, tie_width)
        + (1 - win_P - tie_P) * _davidson_tensor(delta_P + margin_P, none_P, none_P, tie_width)
        + tie_P * _davidson_tensor(delta_P, none_P, none_P + 1, tie_width)
    )


def anchor_loss_tensor(height_Q: Tensor, level_Q: Tensor) -> Tensor:
    """`anchor_loss` for autograd: nats an anchor, shape (Q,)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(height_Q, level_Q, reduction="none")


def ranking_loss_tensor(scores_K: Tensor, ranks: Sequence[int], tie_width: float) -> Tensor:
    """`ranking_loss` for autograd: nats, a scalar."""
    loss = scores_K.new_zeros(())
    for stage in ranking_stages(tuple(ranks), tie_width > 0):
        shares_T_K, more_T, chosen_K = (
            torch.as_tensor(a, dtype=scores_K.dtype, device=scores_K.device)
            for a in (stage.shares_T_K, stage.more_T, stage.chosen_K)
        )
        worth_T = shares_T_K @ scores_K + more_T * _log(tie_width)
        loss = loss + worth_T.logsumexp(0) - chosen_K @ scores_K - stage.chosen_more * _log(tie_width)
    return loss


def _davidson(delta_P: Floats, win_P: Floats, tie_P: Floats, tie_width: float) -> Terms:
    half_P = delta_P / 2
    log_z_P = np.logaddexp(half_P, -half_P)
    if tie_width > 0:
        log_z_P = np.logaddexp(log_z_P, math.log(tie_width))
    first_P, second_P = np.exp(half_P - log_z_P), np.exp(-half_P - log_z_P)
    balance_P = 2 * win_P + tie_P - 1  # win - lose
    lean_P = first_P - second_P
    return Terms(
        log_z_P - balance_P * half_P - tie_P * _log(tie_width),
        (lean_P - balance_P) / 2,
        (first_P + second_P - lean_P**2) / 4,
    )


def _davidson_tensor(delta_P: Tensor, win_P: Tensor, tie_P: Tensor, tie_width: float) -> Tensor:
    half_P = delta_P / 2
    log_z_P = torch.logaddexp(half_P, -half_P)
    if tie_width > 0:
        log_z_P = torch.logaddexp(log_z_P, torch.full_like(half_P, math.log(tie_width)))
    return log_z_P - (2 * win_P + tie_P - 1) * half_P - tie_P * _log(tie_width)


def _log(tie_width: float) -> float:
    """log nu; 0 for nu = 0, where a tie is counted as half a vote each and has no likelihood of its own."""
    return math.log(tie_width) if tie_width > 0 else 0.0


def _share(chosen: Sequence[int], size: int) -> Floats:
    share_K = np.zeros(size)
    share_K[list(chosen)] = 1 / len(chosen)
    return share_K
