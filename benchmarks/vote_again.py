"""When another vote on the same item is worth more than a new item.

People disagree with the head for two reasons: a vote is noise, which more votes on the item average out, and the
item itself is better or worse than its features say, which they cannot. With an item's own deviation of variance t2,
in squared log odds, m votes on it carry the information

    i(m) = 1 / (t2 + 1 / (m p (1 - p)))

about the head's margin there: nearly m times one vote's when t2 is small, hardly more than one vote's when it is
large. `gains_of_another` is what the (m + 1)-th vote adds, on the scale of the rule that chooses new items.

No part of the product: docs/refits.md says why. The rule alone buys too many repeats: on UKPConvArg1 it gave 1.6 to 2.6
votes to a pair and lost .5 to 1 point against new random pairs, because a new pair also shows what the head's features
leave out, and no covariance knows of that. So another vote has to gain `REPEAT_MUST_GAIN` times as much as the best new
item: then it gave 1.0 votes to a pair and won .2 to .6 points, as the most informative new pairs do by themselves
(benchmarks/second_votes.py). The rule in a word: new items while there are any that differ from what was judged, and
then the items known least.
"""

import numpy as np

from training.recipes.intervals import Floats
from training.recipes.selection_rules import State

REPEAT_MUST_GAIN = 4.0
_DEVIATIONS = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])  # standard, in log odds


def information(votes_N: Floats | float, fisher_N: Floats | float, item_variance: float) -> Floats:
    """i(m) of so many votes; `fisher_N` is that of one, p (1 - p)."""
    total_N = votes_N * fisher_N
    return np.asarray(total_N / (1 + item_variance * total_N))


def gains_of_another(votes_N: Floats, fisher_N: Floats, variance_N: Floats, item_variance: float) -> Floats:
    """What one more vote adds to the log determinant of the precision, in nats.

    Args:
        votes_N: votes that the item has; 0 for a new one.
        variance_N: d' S d under a covariance to which these votes have contributed.
    """
    before, after = (information(votes, fisher_N, item_variance) for votes in (votes_N, votes_N + 1))
    return np.asarray(np.log1p((after - before) * variance_N))


def spend(state: State, votes_N: Floats, most_N: Floats, item_variance: float, batch: int) -> list[int]:
    """Rows that get the next votes, one after the other; a row can come up again.

    Args:
        state: of a covariance to which all votes so far have contributed. It is used up.
        votes_N: how many votes each row has; 0 for a new item.
        most_N: how many it may have.
    """
    votes_N = votes_N.astype(np.float64).copy()
    fisher_N = state.information_N.copy()
    rows = []
    for _ in range(min(batch, int((most_N - votes_N).sum()))):
        gain_N = gains_of_another(votes_N, fisher_N, state.variance_N, item_variance)
        worth_N = np.where(votes_N > 0, gain_N / REPEAT_MUST_GAIN, gain_N)
        row = int(np.where(votes_N < most_N, worth_N, -np.inf).argmax())
        before, after = (information(votes, fisher_N[row], item_variance) for votes in (votes_N[row], votes_N[row] + 1))
        state.information_N[row] = after - before
        state.take(row)
        votes_N[row] += 1
        rows.append(row)
    return rows


def fit_item_variance(margin_N: Floats, wins_N: Floats, votes_N: Floats) -> float:
    """t2 by maximum likelihood over a grid, from items with several votes; 0 when there are none.

    Args:
        margin_N: the head's, from a fit that has not seen these items.
        wins_N: how many of the votes went to the first answer, ties counting half.
    """
    several = votes_N > 1
    if not several.any():
        return 0.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    log_weights = np.log(weights / weights.sum())
    wins, votes, margin = wins_N[several, None], votes_N[several, None], margin_N[several, None]
    found = []
    for deviation in _DEVIATIONS:
        shifted_N_21 = margin + deviation * nodes
        # log of sigmoid^wins (1 - sigmoid)^(votes - wins), integrated over the item's deviation
        log_N_21 = wins * shifted_N_21 - votes * np.logaddexp(0.0, shifted_N_21) + log_weights
        found.append(np.logaddexp.reduce(log_N_21, axis=1).sum())
    return float(_DEVIATIONS[int(np.argmax(found))] ** 2)
