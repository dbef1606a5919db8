"""An ensemble of linear heads with random priors: another way to how sure a head is.

Each member is fitted to votes whose weights were drawn anew (exponential by vote: Rubin, "The Bayesian bootstrap",
Annals of Statistics 9, 1981), with its prior around weights that were drawn from the prior of the plain head (Osband,
Aslanides & Cassirer, "Randomized prior functions for deep reinforcement learning", 2018). Where the votes tell nothing
members keep what they drew and differ as much as the prior does, and where they tell much all say the same. For a
linear model with Gaussian noise of known size each member would be a draw from the posterior. Laplace's posterior
trusts the likelihood's own curvature; these trust how the fit changes with the votes, and need no model to be right.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.recipes.intervals import Floats
from training.recipes.reward_head import Head, HeadTargets, fit_targets

MEMBERS = 8


def fit_members(
    said: HeadTargets, groups_K: np.ndarray, head: Head, *, size: int = MEMBERS, seed: Sequence[int] = (0,)
) -> Floats:
    """Weights, (size, K), a function of the seed; prior scales are those of `head`."""
    sd_K = 1 / np.sqrt(np.array(head.precisions)[groups_K])
    found = np.zeros((size, len(groups_K)))
    for member in range(size):
        chance = np.random.default_rng([*seed, member])
        own = replace(
            said,
            prior_mean_K=sd_K * chance.standard_normal(len(sd_K)),
            # A sum of n exponential weights is gamma(n); so is what stands for the weighted votes of a row.
            weight_P=chance.standard_gamma(said.weight_P),
            weight_Q=chance.standard_gamma(said.weight_Q),
            rankings=tuple((x, ranks, chance.standard_gamma(weight_M)) for x, ranks, weight_M in said.rankings),
        )
        found[member] = fit_targets(own, groups_K, precisions=head.precisions).weights
    return found
