"""How often each annotator knows rather than guesses, from nothing but everybody's labels.

The model of MACE (Hovy, Berg-Kirkpatrick, Vaswani & Hovy, "Learning whom to trust with MACE", NAACL 2013): with the
chance theta an annotator gives the true label, else draws one from habits of their own. One number an annotator where
Dawid and Skene's matrices have a row for each class: with a handful of labels each it is what can be learnt.
"""

import numpy as np

from labeling.agreement.bootstrap import Floats
from labeling.agreement.dawid_skene import Ints, sum_by

_STEPS = 50
_PRIOR = 0.5  # of a Beta distribution on theta, on both sides: Jeffreys'
_HABIT = 0.1  # labels that everybody is taken to have guessed, spread over all


def competence(items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int) -> Floats:
    """theta, shape (A,): 1 always knows, 0 always guesses. Annotators without labels have a half.

    Args:
        items_V, annotators_V: numbers from 0.
        labels_V: 0 to n_labels - 1.
    """
    if not len(labels_V):
        return np.zeros(0)
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
        habits_A_L = sum_by(annotators_V, given_V_L * (1 - copied_V)[:, None], count) + _HABIT / n_labels
        habits_A_L /= habits_A_L.sum(1, keepdims=True)
    return theta_A
