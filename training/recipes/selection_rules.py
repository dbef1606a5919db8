# ruff: noqa: N815 - shapes stand in the names
"""Which comparisons to buy next: rules over the candidates' feature differences, in plain numpy.

The head says w ~ N(weights, covariance) and P(a beats b) = sigmoid(w . d), d being the features of a minus those of
b. A label on d has Fisher information i d d', i = p (1 - p), and turns the covariance S into

    S' = S - g (S d) (S d)',   g = i / (1 + i d' S d)                                            (Sherman-Morrison)

so a greedy batch costs one product of all candidates with one vector a choice: 10,000 candidates of 64 features, a
batch of 300, in about a second. Each rule gives every candidate a gain; the best that is no near-duplicate is taken,
the covariance is updated as if it had been judged, and so on.

- d_optimal takes the largest i d' S d: it shrinks the volume of what is unknown (Chaloner and Verdinelli 1995).
- v_optimal takes what shrinks the variance of the differences that will be served, V = mean of e e' over them, most:
  i |V^1/2 S d|^2 / (1 + i d' S d) (Cohn, Ghahramani and Jordan 1996; Yu, Bi and Tresp 2006 call it transductive).
- bald takes the largest mutual information between verdict and weights (Houlsby and others 2011).
- uncertainty takes the smallest |w . d|. It is here as a warning: it buys ties and noise, and loses to chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.recipes.intervals import Floats

SAME_DIRECTION = 0.95  # |cosine| of two differences from which on the second is a near-duplicate of the first
EVEN_SHARE = 2  # a batch holds at most so many times a prompt's even share of one prompt's candidates


@dataclass
class State:
    """What is known before the next choice; `take` learns of a candidate's label without knowing it."""

    differences_N_K: Floats
    mean_N: Floats  # w . d
    information_N: Floats  # Fisher's, of one label
    projected_N_K: Floats  # S d, as rows
    variance_N: Floats  # d' S d
    served_N: Floats  # |V^1/2 S d|^2
    _served_N_K: Floats  # V^1/2 S d, as rows
    _root_K_K: Floats  # V^1/2

    @classmethod
    def start(
        cls, differences_N_K: Floats, weights_K: Floats, covariance_K_K: Floats, served_M_K: Floats | None = None
    ) -> "State":
        mean_N = differences_N_K @ weights_K
        probability_N = _sigmoid(mean_N)
        projected_N_K = differences_N_K @ covariance_K_K
        root_K_K = _root(differences_N_K if served_M_K is None else served_M_K)
        served_N_K = projected_N_K @ root_K_K
        return cls(
            differences_N_K,
            mean_N,
            probability_N * (1 - probability_N),
            projected_N_K,
            np.einsum("nk,nk->n", projected_N_K, differences_N_K),
            np.einsum("nk,nk->n", served_N_K, served_N_K),
            served_N_K,
            root_K_K,
        )

    def take(self, row: int) -> None:
        direction_K = self.projected_N_K[row].copy()
        served_K = self._served_N_K[row].copy()
        g = self.information_N[row] / (1 + self.information_N[row] * self.variance_N[row])
        along_N = self.differences_N_K @ direction_K
        self.projected_N_K -= np.outer(g * along_N, direction_K)
        self._served_N_K -= np.outer(g * along_N, served_K)
        self.variance_N -= g * along_N**2
        self.served_N = np.einsum("nk,nk->n", self._served_N_K, self._served_N_K)


Gain = Callable[[State], Floats]  # of every candidate, the higher the better


def d_optimal(state: State) -> Floats:
    return state.information_N * state.variance_N


def v_optimal(state: State) -> Floats:
    return state.information_N * state.served_N / (1 + state.information_N * state.variance_N)


def bald(state: State) -> Floats:
    """H[y] - E H[y | w] in nats, over the margin's normal distribution by Gauss and Hermite's rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights /= weights.sum()
    deviation_N = np.sqrt(np.maximum(state.variance_N, 0))
    p_N_15 = _sigmoid(state.mean_N[:, None] + deviation_N[:, None] * nodes)
    return _entropy(p_N_15 @ weights) - _entropy(p_N_15) @ weights


def uncertainty(state: State) -> Floats:
    return -np.abs(state.mean_N)


def greedy(state: State, gain: Gain, near: "Near", batch: int) -> tuple[list[int], list[float]]:
    """Rows in the order of their choice, and their gains; fewer than `batch` when the others are near-duplicates."""
    rows: list[int] = []
    gains: list[float] = []
    for _ in range(batch):
        gain_N = np.where(near.open_N, gain(state), -np.inf)
        row = int(gain_N.argmax()) if len(gain_N) else -1
        if row < 0 or not np.isfinite(gain_N[row]):
            break
        rows.append(row)
        gains.append(float(gain_N[row]))
        near.take(row)
        state.take(row)
    return rows, gains


class Near:
    """Candidates that are still open: not chosen, no near-duplicate of a chosen one, prompt not used up.

    Two differences are near-duplicates when they point along one line, swapped sides included: a label on the second
    would say again what the first one's said.
    """

    def __init__(self, differences_N_K: Floats, prompts_N: np.ndarray, batch: int) -> None:
        norm_N = np.linalg.norm(differences_N_K, axis=1)
        self._unit_N_K = differences_N_K / np.maximum(norm_N, 1e-12)[:, None]
        self._prompt_N = np.unique(prompts_N, return_inverse=True)[1]
        prompts = int(self._prompt_N.max(initial=-1)) + 1
        self._left = np.full(prompts, max(1, -(-EVEN_SHARE * batch // max(1, prompts))))
        self.open_N = norm_N > 0  # two answers that read the same teach nothing

    def take(self, row: int) -> None:
        self.open_N[row] = False
        self.open_N &= np.abs(self._unit_N_K @ self._unit_N_K[row]) < SAME_DIRECTION
        prompt = self._prompt_N[row]
        self._left[prompt] -= 1
        if not self._left[prompt]:
            self.open_N &= self._prompt_N != prompt


def _root(served_M_K: Floats) -> Floats:
    """V^1/2, shape (K, K), of V = mean of e e'."""
    values, vectors = np.linalg.eigh(served_M_K.T @ served_M_K / max(1, len(served_M_K)))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)


def _sigmoid(margin: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(margin, -30, 30))))


def _entropy(p: Floats) -> Floats:
    """Of a verdict with this probability, in nats; 0 < p < 1."""
    return np.asarray(-p * np.log(p) - (1 - p) * np.log1p(-p))
