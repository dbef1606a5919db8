# ruff: noqa: N815 - shapes stand in the names
"""What was true of each item, and how reliable each annotator is, from nothing but their labels.

A. P. Dawid & A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979): a class for each item with shares `prior_K`, and for each annotator a matrix of the chances to say
l of an item of class k. EM starts from the share of labels of each item. With few labels an annotator the matrices fit
noise: read `competence` beside the number of labels. On an honest crowd its weights do not improve what is learnt.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats

Ints = NDArray[np.int64]
_STEPS = 5000
_LEAST = 1e-300


@dataclass(frozen=True)
class DawidSkene:
    prior_K: Floats  # share of each class
    errors_A_K_L: Floats  # P(annotator says l | class k); rows of classes that an annotator never met are even
    posterior_N_K: Floats  # P(class k | labels), one row an item
    log_likelihood: float  # nats
    labels_A: Ints  # how many each annotator gave

    def competence(self) -> Floats:
        """Chance of the right label, less what guessing would give, over what guessing leaves: 1 sure, 0 a guess.

        Below 0: worse than guessing. Shape (A,).
        """
        right_A = np.einsum("k,akk->a", self.prior_K, self.errors_A_K_L)
        guess = 1 / len(self.prior_K)
        return np.asarray((right_A - guess) / (1 - guess))


def dawid_skene(
    items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int, *, smoothing: float = 0.0, until: float = 1e-7
) -> DawidSkene | None:
    """EM to its end; None without labels.

    Args:
        items_V, annotators_V: numbers from 0; one annotator may label an item several times.
        labels_V: 0 to n_labels - 1. One that never occurs stays a class of share 0.
        until: EM ends when no posterior moves by more.
        smoothing: labels added to each cell of each matrix, divided among its row; 0 is the published method.
    """
    if not len(labels_V):
        return None
    n_items, n_annotators = int(items_V.max()) + 1, int(annotators_V.max()) + 1
    given_V_L = np.eye(n_labels)[labels_V]
    posterior = sum_by(items_V, given_V_L, n_items)
    posterior /= np.maximum(posterior.sum(1, keepdims=True), 1)
    for _ in range(_STEPS):
        prior_K = posterior.sum(0) / posterior.sum()
        cells = np.zeros((n_annotators, n_labels, n_labels))
        for label in range(n_labels):
            chosen = labels_V == label
            cells[:, :, label] = sum_by(annotators_V[chosen], posterior[items_V[chosen]], n_annotators)
        cells += smoothing / n_labels
        total = cells.sum(2, keepdims=True)
        errors = np.where(total > 0, cells / np.where(total > 0, total, 1), 1 / n_labels)
        log_errors = np.log(np.maximum(errors, _LEAST))
        log_joint = sum_by(items_V, log_errors[annotators_V, :, labels_V], n_items) + np.log(
            np.maximum(prior_K, _LEAST)
        )
        top = log_joint.max(1, keepdims=True)
        likelihood = np.exp(log_joint - top)
        log_likelihood = float((top[:, 0] + np.log(likelihood.sum(1))).sum())
        before, posterior = posterior, likelihood / likelihood.sum(1, keepdims=True)
        if np.abs(posterior - before).max() < until:
            break
    return DawidSkene(prior_K, errors, posterior, log_likelihood, np.bincount(annotators_V, minlength=n_annotators))


def sum_by(groups_V: Ints, values_V_K: Floats, count: int) -> Floats:
    """The rows' sums by group, shape (count, K)."""
    return np.stack(
        [np.bincount(groups_V, values_V_K[:, k], minlength=count) for k in range(values_V_K.shape[1])], axis=1
    )
