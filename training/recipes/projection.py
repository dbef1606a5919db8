"""From pooled hidden states and an answer to the head's features: principal components, then log length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.recipes.features import Floats32
from training.recipes.intervals import Floats

# Thousands of votes want no more than a hundred do (HH helpful, training pairs, cross-validated over prompts, three
# splits of 3,059 votes: .679 with 48 components, .675 with 64, .677 with 96, .675 with 128, .679 with 256), and each
# makes a refit slower.
COMPONENTS, MOST_COMPONENTS, VOTES_A_COMPONENT = 48, 96, 64
TEXT, LENGTH = 0, 1  # the head's prior groups


@dataclass(frozen=True)
class Projection:
    """Features with mean 0 over the answers that it was fitted on, log length last."""

    mean: Floats  # shape (D,)
    scale: Floats  # (D,)
    components: Floats  # (K, D)
    length_mean: float
    length_scale: float
    length_range: tuple[float, float]  # of the log lengths that the head was fitted on

    @classmethod
    def fit(cls, hidden_N_D: Floats32, texts: Sequence[str], *, components: int = COMPONENTS) -> "Projection":
        hidden = hidden_N_D.astype(np.float64)
        # A few of Gemma's dimensions are hundreds of times larger than the rest and would be all the components.
        mean, scale = hidden.mean(0), hidden.std(0) + 1e-6
        singular, directions = _principal((hidden - mean) / scale)
        count = max(1, min(components, int((singular > 1e-6 * singular[0]).sum())))
        root_mean_square = float(np.sqrt((singular[:count] ** 2).sum() / len(hidden) / count)) or 1.0
        lengths = log_lengths(texts)
        return cls(mean, scale, directions[:count] / root_mean_square, *_length_statistics(lengths))

    def __call__(self, hidden_N_D: Floats32, texts: Sequence[str]) -> Floats:
        text_N_K = ((hidden_N_D - self.mean) / self.scale) @ self.components.T
        # Held within what was seen: a policy soon finds that an empty answer is "shorter" than any that people judged.
        length_N = np.clip(log_lengths(texts), *self.length_range)
        return np.column_stack([text_N_K, (length_N - self.length_mean) / self.length_scale])

    def before_last_states(self) -> "Projection":
        """Of a model from when features were the mean alone: what follows the mean counts nothing in it."""
        none_D, none_K_D = np.zeros_like(self.mean), np.zeros_like(self.components)
        return replace(
            self,
            mean=np.append(self.mean, none_D),
            scale=np.append(self.scale, none_D + 1),
            components=np.hstack([self.components, none_K_D]),
        )

    @property
    def groups(self) -> np.ndarray:
        return np.array([TEXT] * len(self.components) + [LENGTH])


def components_for(votes: int) -> int:
    return min(MOST_COMPONENTS, max(COMPONENTS, votes // VOTES_A_COMPONENT))


def length_removal(phi_A_K: Floats) -> Floats:
    """(K, K): turns weights into those of a score that does not go along with length over these answers.

    Of each text feature its regression on log length is taken away, and of the head the weight of length itself; what
    the text told beyond length stays, because the head was fitted with length beside it.
    """
    text_A_J, length_A = phi_A_K[:, :-1], phi_A_K[:, -1]
    slope_J = text_A_J.T @ length_A / max(float(length_A @ length_A), 1e-12)
    change = np.eye(phi_A_K.shape[1])
    change[-1] = np.append(-slope_J, 0.0)
    return change


def log_lengths(texts: Sequence[str]) -> Floats:
    """log(1 + characters)."""
    return np.log1p(np.array([len(text) for text in texts], dtype=np.float64))


def _principal(centred_N_D: Floats) -> tuple[Floats, Floats]:
    """Singular values, largest first, and the directions as rows."""
    if len(centred_N_D) <= centred_N_D.shape[1]:
        _, singular, directions = np.linalg.svd(centred_N_D, full_matrices=False)
        return singular, directions
    # With more answers than dimensions the products of dimensions say the same, and take a tenth of the time.
    values, vectors = np.linalg.eigh(centred_N_D.T @ centred_N_D)
    return np.sqrt(np.maximum(values[::-1], 0.0)), np.ascontiguousarray(vectors[:, ::-1].T)


def _length_statistics(lengths: Floats) -> tuple[float, float, tuple[float, float]]:
    return float(lengths.mean()), float(lengths.std() + 1e-6), (float(lengths.min()), float(lengths.max()))
