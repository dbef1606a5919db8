"""How good each competitor is, from who was preferred to whom: Bradley-Terry, and Plackett-Luce of rankings.

Both are found by minorisation and maximisation (D. R. Hunter, "MM algorithms for generalized Bradley-Terry models",
Annals of Statistics 32, 2004), finished by Newton's method, so that what is printed is the maximum to the last digit.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats

_MM_STEPS, _NEWTON_STEPS = 200, 50
Choice = tuple[int, Sequence[int]]  # who was chosen, and over whom


class NoMaximum(ValueError):
    """Somebody won every comparison with the others, or lost every one: the likelihood grows for ever."""


def bradley_terry(wins_N_N: NDArray[np.int64] | Floats) -> tuple[Floats, Floats]:
    """Log abilities with mean 0, shape (N,), and their covariance (N, N), which is singular along the mean.

    Args:
        wins_N_N: how often the row was preferred to the column. The diagonal is ignored.

    Raises:
        NoMaximum: the competitors fall into two groups of which one never lost to the other.
    """
    wins = np.array(wins_N_N, dtype=np.float64)
    np.fill_diagonal(wins, 0.0)
    _check_connected(wins)
    games = wins + wins.T
    worth, total = np.ones(len(wins)), wins.sum(1)
    for _ in range(_MM_STEPS):
        worth = total / (games / (worth[:, None] + worth[None, :])).sum(1)
        worth /= np.exp(np.log(worth).mean())
    ability = np.log(worth)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(ability[None, :] - ability[:, None]))
        information = games * p * (1 - p)
        laplacian = np.diag(information.sum(1)) - information
        step = np.linalg.pinv(laplacian) @ (total - (games * p).sum(1))
        ability = ability + step
        if np.abs(step).max() < 1e-13:
            break
    return ability - ability.mean(), np.asarray(np.linalg.pinv(laplacian), dtype=np.float64)


def residual_deviance(wins_N_N: NDArray[np.int64] | Floats, ability_N: Floats) -> float:
    """Twice the log-likelihood that is lost against a model with a probability of its own for each pair."""
    wins = np.array(wins_N_N, dtype=np.float64)
    np.fill_diagonal(wins, 0.0)
    games = wins + wins.T
    p = 1 / (1 + np.exp(ability_N[None, :] - ability_N[:, None]))
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where(wins > 0, wins * np.log(wins / (games * p)), 0.0)
    return float(2 * lost.sum())


def choices_of(ranking: Sequence[int]) -> list[Choice]:
    """A ranking, best first, as one choice after the other among those that are left."""
    return [(winner, tuple(ranking[place + 1 :])) for place, winner in enumerate(ranking[:-1])]


def plackett_luce(choices: Sequence[Choice], count: int) -> Floats:
    """Log abilities with mean 0, shape (count,), from who was chosen over whom.

    Raises:
        NoMaximum: as for Bradley-Terry.
    """
    beaten = np.zeros((count, count))
    for winner, losers in choices:
        beaten[winner, list(losers)] += 1
    _check_connected(beaten)
    ability = np.zeros(count)
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = np.zeros(count), np.zeros((count, count))
        for winner, losers in choices:
            offered = np.array([winner, *losers])
            p = np.exp(ability[offered] - ability[offered].max())
            p /= p.sum()
            gradient[winner] += 1
            gradient[offered] -= p
            hessian[np.ix_(offered, offered)] += np.diag(p) - np.outer(p, p)
        step = np.linalg.pinv(hessian) @ gradient
        # The likelihood is concave: a step that is held short still leads upwards.
        ability = ability + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-13:
            break
    return ability - ability.mean()


def _check_connected(beaten_N_N: Floats) -> None:
    """Ford's condition (American Mathematical Monthly 64, 1957): from each to each other there is a chain of wins."""
    reached = (beaten_N_N > 0) | np.eye(len(beaten_N_N), dtype=bool)
    for middle in range(len(reached)):
        reached |= reached[:, middle, None] & reached[None, middle, :]
    if not reached.all():
        raise NoMaximum(
            "Some competitors never lost to any of the others, or never met them; "
            "collect comparisons between the groups."
        )
