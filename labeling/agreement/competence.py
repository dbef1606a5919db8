# ruff: noqa: N815 - shapes stand in the names
"""How often each annotator knows rather than guesses, from nothing but everybody's labels.

The model of MACE (Hovy, Berg-Kirkpatrick, Vaswani & Hovy, "Learning whom to trust with MACE", NAACL 2013): with the
chance theta an annotator gives the true label, else draws one from habits of their own. One number an annotator where
Dawid and Skene's matrices have a row for each class: with a handful of labels each it is what can be learnt.
"""

from typing import NamedTuple

import numpy as np

from labeling.agreement.bootstrap import Floats
from labeling.agreement.dawid_skene import Ints, sum_by

_STEPS = 50
_PRIOR = 0.5  # of a Beta distribution on theta, on both sides: Jeffreys'
_HABIT = 0.1  # labels that everybody is taken to have guessed, spread over all
# The same for intervals: with habits that fit a handful of labels 86 to 92 % of them held the truth of simulated
# crowds, so 89 to 94 %.
_HABIT_OF_INTERVALS = 1.0


_GRID = 200  # values of theta between 0 and 1 at which its likelihood is looked at


class Knowing(NamedTuple):
    """theta, shape (A,): 1 always knows, 0 always guesses; and its 95 % interval."""

    theta_A: Floats
    low_A: Floats
    high_A: Floats


def competence(items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int) -> Floats:
    """theta, shape (A,), as EM finds it. Annotators without labels have a half.

    Args:
        items_V, annotators_V: numbers from 0.
        labels_V: 0 to n_labels - 1.
    """
    return _fit(items_V, annotators_V, labels_V, n_labels)[0] if len(labels_V) else np.zeros(0)


def knowing(items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int) -> Knowing:
    """Posterior mean and interval of each annotator's theta; arguments as above.

    Of each label it is asked how likely the others' labels of the item make it; an annotator's theta then has a
    likelihood of one variable, looked at on a grid. So what is not known of the truth is in the interval, but not what
    is not known of the others: with a handful of annotators it is somewhat too narrow.
    """
    if not len(labels_V):
        return Knowing(np.zeros(0), np.zeros(0), np.zeros(0))
    theta_A, habits_A_L, log_N_L = _fit(items_V, annotators_V, labels_V, n_labels, habit=_HABIT_OF_INTERVALS)
    guess_V = habits_A_L[annotators_V, labels_V]
    given_V_L = np.eye(n_labels)[labels_V]
    own_V_L = np.log(((1 - theta_A[annotators_V]) * guess_V)[:, None] + theta_A[annotators_V][:, None] * given_V_L)
    without_V_L = log_N_L[items_V] - own_V_L
    without_V_L = np.exp(without_V_L - without_V_L.max(1, keepdims=True))
    others_V = without_V_L[np.arange(len(labels_V)), labels_V] / without_V_L.sum(1)
    grid_G = (np.arange(_GRID) + 0.5) / _GRID
    likely_A_G = np.stack(
        [np.bincount(annotators_V, np.log(t * others_V + (1 - t) * guess_V), minlength=len(theta_A)) for t in grid_G],
        axis=1,
    )
    log_A_G = np.asarray(likely_A_G, dtype=np.float64) + (_PRIOR - 1) * (np.log(grid_G) + np.log1p(-grid_G))
    share_A_G = np.exp(log_A_G - log_A_G.max(1, keepdims=True))
    share_A_G /= share_A_G.sum(1, keepdims=True)
    below_A_G = share_A_G.cumsum(1)
    low_A, high_A = (grid_G[(below_A_G < limit).sum(1).clip(max=_GRID - 1)] for limit in (0.025, 0.975))
    return Knowing(share_A_G @ grid_G, low_A - 0.5 / _GRID, high_A + 0.5 / _GRID)


def _fit(
    items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int, *, habit: float = _HABIT
) -> tuple[Floats, Floats, Floats]:
    """theta, everybody's habits, and the log of how likely each label makes the others of its item (N, L)."""
    n_items, count = int(items_V.max()) + 1, int(annotators_V.max()) + 1
    given_V_L = np.eye(n_labels)[labels_V]
    true_N_L = sum_by(items_V, given_V_L, n_items)
    true_N_L /= np.maximum(true_N_L.sum(1, keepdims=True), 1)
    theta_A, habits_A_L = np.full(count, 0.5), np.full((count, n_labels), 1 / n_labels)
    for _ in range(_STEPS):
        guessed_V = ((1 - theta_A)[:, None] * habits_A_L)[annotators_V, labels_V]
        knew_V = theta_A[annotators_V]
        log_N_L = sum_by(items_V, np.log(guessed_V[:, None] + knew_V[:, None] * given_V_L), n_items)
        true_N_L = np.exp(log_N_L - log_N_L.max(1, keepdims=True))
        true_N_L /= true_N_L.sum(1, keepdims=True)
        copied_V = true_N_L[items_V, labels_V] * knew_V / (knew_V + guessed_V)
        copied_A = np.bincount(annotators_V, copied_V, minlength=count)
        guesses_A = np.bincount(annotators_V, 1 - copied_V, minlength=count)
        theta_A = (copied_A + _PRIOR) / (copied_A + guesses_A + 2 * _PRIOR)
        habits_A_L = sum_by(annotators_V, given_V_L * (1 - copied_V)[:, None], count) + habit / n_labels
        habits_A_L /= habits_A_L.sum(1, keepdims=True)
    return theta_A, habits_A_L, log_N_L
