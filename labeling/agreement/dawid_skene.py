# ruff: noqa: N815 - shapes stand in the names
"""What was true of each item, and how reliable each annotator is, from nothing but their labels.

A. P. Dawid & A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28 (1979): a class for each item with shares `prior_K`, and for each annotator a matrix of the chances to say
l of an item of class k. EM starts from the share of labels of each item. With few labels an annotator the matrices fit
noise: read `competence` beside the number of labels. On an honest crowd its weights do not improve what is learnt.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.bootstrap import Floats

Ints = NDArray[np.int64]
_STRIDES = 1000  # of three EM steps each
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
    items_V: Ints,
    annotators_V: Ints,
    labels_V: Ints,
    n_labels: int,
    *,
    smoothing: float = 0.0,
    until: float = 1e-7,
    weights_V: Floats | None = None,
    start_N_K: Floats | None = None,
    strides: int = _STRIDES,
) -> DawidSkene | None:
    """EM to its end, in long strides; None without labels.

    EM alone creeps: on 68,000 labels of 3,790 people it is not there after 5,000 steps. So each third step goes on from
    where the last two lead to (SQUAREM, scheme S3: Varadhan & Roland, Scandinavian Journal of Statistics 35, 2008), and
    only where that makes the labels likelier than the two plain steps did.

    Args:
        items_V, annotators_V: numbers from 0; one annotator may label an item several times.
        labels_V: 0 to n_labels - 1. One that never occurs stays a class of share 0.
        until: EM ends when no posterior moves by more.
        smoothing: labels added to each cell of each matrix, divided among its row; 0 is the published method.
        weights_V: how often each label counts; an item of weight 0 keeps even odds.
        start_N_K: where to begin, each row summing to 1; the share of labels of each item when absent.
        strides: at most so many, of three EM steps each.
    """
    if not len(labels_V):
        return None
    em = _Em(items_V, annotators_V, labels_V, n_labels, smoothing, weights_V)
    posterior = em.shares() if start_N_K is None else start_N_K
    for _ in range(strides):
        first = em.step(posterior)
        if np.abs(first.posterior - posterior).max() < until:
            break
        second = em.step(first.posterior)
        stepped, bent = first.posterior - posterior, second.posterior - 2 * first.posterior + posterior
        stride = float(np.sqrt((stepped**2).sum() / max(float((bent**2).sum()), _LEAST)))
        leapt = np.maximum(posterior + 2 * stride * stepped + stride**2 * bent, 0.0)
        far = em.step(leapt / np.maximum(leapt.sum(1, keepdims=True), _LEAST))
        # What a step says of likelihood is of where it began; a leap that lost some is not made.
        posterior = (far if far.objective >= second.objective else second).posterior
    return DawidSkene(
        first.prior, first.errors, first.posterior, first.log_likelihood, np.bincount(annotators_V, minlength=em.people)
    )


class _Step(NamedTuple):
    """What one EM step makes of a posterior; the likelihoods are those of the posterior that it began with."""

    prior: Floats
    errors: Floats
    posterior: Floats
    log_likelihood: float
    objective: float  # with the smoothing's part: what EM climbs


class _Em:
    def __init__(
        self, items_V: Ints, annotators_V: Ints, labels_V: Ints, n_labels: int, smoothing: float,
        weights_V: Floats | None,
    ) -> None:  # fmt: skip
        self.items, self.people = int(items_V.max()) + 1, int(annotators_V.max()) + 1
        self.n_labels, self.smoothing = n_labels, smoothing
        self.items_V, self.labels_V, self.annotators_V = items_V, labels_V, annotators_V
        self.weights_V = np.ones(len(labels_V)) if weights_V is None else weights_V
        # Row of the table of errors that a label is looked up in: one gather a class instead of a strided one for all.
        self.cell_V = annotators_V * n_labels + labels_V

    def shares(self) -> Floats:
        given_V_L = np.eye(self.n_labels)[self.labels_V] * self.weights_V[:, None]
        shares = sum_by(self.items_V, given_V_L, self.items)
        total = shares.sum(1, keepdims=True)
        return np.where(total > 0, shares / np.maximum(total, _LEAST), 1 / self.n_labels)

    def step(self, posterior_N_K: Floats) -> _Step:
        n_labels, people = self.n_labels, self.people
        prior_K = posterior_N_K.sum(0) / posterior_N_K.sum()
        truths = posterior_N_K.T[:, self.items_V] * self.weights_V  # (K, V)
        said = np.stack(
            [np.bincount(self.cell_V, truths[k], minlength=people * n_labels) for k in range(n_labels)], axis=1
        ).reshape(people, n_labels, n_labels)
        cells_A_L_K = np.asarray(said, dtype=np.float64) + self.smoothing / n_labels
        total = cells_A_L_K.sum(1, keepdims=True)
        errors_A_L_K = np.where(total > 0, cells_A_L_K / np.where(total > 0, total, 1), 1 / n_labels)
        log_errors = np.log(np.maximum(errors_A_L_K, _LEAST))
        log_prior_K = np.log(np.maximum(prior_K, _LEAST))
        by_cell = log_errors.reshape(-1, n_labels)
        log_joint = np.stack(
            [
                np.bincount(self.items_V, by_cell[self.cell_V, k] * self.weights_V, minlength=self.items)
                for k in range(n_labels)
            ],
            axis=1,
        )  # fmt: skip
        log_joint = log_joint + log_prior_K
        top = log_joint.max(1, keepdims=True)
        likelihood = np.exp(log_joint - top)
        total_N = likelihood.sum(1, keepdims=True)
        log_likelihood = float((top + np.log(total_N)).sum())
        objective = log_likelihood + float(self.smoothing / n_labels * log_errors.sum())
        return _Step(prior_K, errors_A_L_K.transpose(0, 2, 1), likelihood / total_N, log_likelihood, objective)


def sum_by(groups_V: Ints, values_V_K: Floats, count: int) -> Floats:
    """The rows' sums by group, shape (count, K)."""
    return np.stack(
        [np.bincount(groups_V, values_V_K[:, k], minlength=count) for k in range(values_V_K.shape[1])], axis=1
    )
