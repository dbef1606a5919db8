"""Where a body's heads start: at a fitted linear reward model, with its tie width and its point of good."""

import numpy as np
import torch

from training.recipes.intervals import Floats
from training.recipes.lessons import Lessons
from training.recipes.reward import RewardModel
from training.recipes.reward_head import POINT_PRECISION
from training.recipes.reward_scorer import Scorer
from training.recipes.targets import RankedAlike, fit_good_from, fit_tie_width


def start_heads(
    scorer: Scorer, lessons: Lessons, start: RewardModel | None, *, tie_width: float | None = None
) -> list[float]:
    """Put the heads where `start` has them, zero without one; the tie width of each.

    Widths and points of good are what they are in the linear fit: the likeliest ones given its scores.

    Args:
        tie_width: of every head, where it is given.
    """
    size = 1 if start is None else len(start.weights)
    weights_X_K = np.zeros((len(lessons.heads), size))
    phi_A_K: Floats = np.zeros((len(lessons.answers), size))
    if start is not None:
        of_axis = start.axes or {lessons.overall: start.weights}
        weights_X_K = np.stack([of_axis.get(name, weights_X_K[0]) for name in lessons.heads])
        scorer.head.start_from(start.projection, weights_X_K)
        if len(lessons.level_Q) or lessons.heads != [lessons.overall]:
            phi_A_K = start.features(lessons.answers)
    widths = []
    for head, name in enumerate(lessons.heads):
        score_A = phi_A_K @ weights_X_K[head]
        mine = lessons.anchor_head_Q == head
        about = (score_A[lessons.anchor_Q[mine]], lessons.level_Q[mine], lessons.anchor_weight_Q[mine])
        with torch.no_grad():
            scorer.head.good_from_X[head] = fit_good_from(*about, precision=POINT_PRECISION)
        if tie_width is not None:
            widths.append(tie_width)
        elif start is not None and name == lessons.overall:
            widths.append(start.tie_width)
        else:
            widths.append(_tie_width(lessons, head, score_A))
    return widths


def _tie_width(lessons: Lessons, head: int, score_A: Floats) -> float:
    mine = lessons.head_P == head
    delta_P = score_A[lessons.first_P[mine]] - score_A[lessons.second_P[mine]]
    ranked: list[RankedAlike] = [
        (score_A[np.array([ranking.answers])], ranking.ranks, np.array([ranking.weight]))
        for ranking in (lessons.rankings if lessons.heads[head] == lessons.overall else [])
    ]
    weight_P = lessons.weight_P[mine] * lessons.strength_P[mine]
    return fit_tie_width(delta_P, lessons.tie_P[mine], weight_P, ranked)
