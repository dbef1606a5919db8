"""From mean hidden states and an answer to the head's features: principal components, then log length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.recipes.features import Floats32
from training.recipes.intervals import Floats

COMPONENTS = 48
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

    @property
    def groups(self) -> np.ndarray:
        return np.array([TEXT] * len(self.components) + [LENGTH])


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
