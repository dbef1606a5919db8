"""How sure a linear head is: of an answer's score, of a difference, and of what people would say.

The weights are known up to their posterior, w ~ N(mean, S) in Laplace's approximation; then the score of features x has
the deviation sqrt(x' S x), and a difference that of the features' difference. It says how little the votes so far tell
of such an answer. It does not say that the score is wrong, nor how much people would differ.
"""

import numpy as np

from training.recipes.intervals import Floats


def deviations(x_N_K: Floats, covariance_K_K: Floats) -> Floats:
    """sqrt(x' S x) of each row, shape (N,)."""
    return np.sqrt(np.maximum(np.einsum("nk,kj,nj->n", x_N_K, covariance_K_K, x_N_K, optimize=True), 0.0))


def verdicts(
    mean_N: Floats, sd_N: Floats, *, tie_width: float = 0.0, temperature: float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """P(the first is preferred), P(neither), P(the second), each of shape (N,).

    Args:
        mean_N, sd_N: of the difference, in log odds. What is not known of it draws the odds towards even: sigmoid(k m)
            with k = 1 / sqrt(1 + pi sd^2 / 8) is the mean of sigmoid over N(m, sd^2) to about .01 (MacKay, Neural
            Computation 4, 1992).
        tie_width: nu of targets.py.
        temperature: what differences are divided by; over 1 where the head is surer than it should be.
    """
    half_N = 0.5 * mean_N / np.sqrt(temperature**2 + np.pi * sd_N**2 / 8)
    log_z_N = np.logaddexp(half_N, -half_N)
    if tie_width > 0:
        log_z_N = np.logaddexp(log_z_N, np.log(tie_width))
    first_N, second_N = np.exp(half_N - log_z_N), np.exp(-half_N - log_z_N)
    return first_N, tie_width * np.exp(-log_z_N), second_N


def expected_share(mean_N: Floats, sd_N: Floats, *, tie_width: float = 0.0, temperature: float = 1.0) -> Floats:
    """The share of the votes that the first should get, a tie half for each. Swapped it is exactly one minus it."""
    first_N, _, second_N = verdicts(mean_N, sd_N, tie_width=tie_width, temperature=temperature)
    return 0.5 + 0.5 * (first_N - second_N)
