"""Intervals and calibration, in numpy."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

Floats = NDArray[np.float64]
# Fewer tosses of a coin all fall on one side in more than a fortieth of cases, however many rows a cluster has.
FEW_CLUSTERS = 6


def cluster_bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], clusters: Sequence[Hashable], *, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """A 95 % percentile interval that draws whole clusters with replacement.

    Rows of one prompt resemble each other, so drawing rows would make the interval too narrow.

    Args:
        statistic: of an array of row indices, with repeats.
        clusters: the cluster of each row.
    """
    members: dict[Hashable, list[int]] = {}
    for row, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(row)
    groups = [np.array(rows, dtype=np.intp) for rows in members.values()]
    chance = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        drawn = chance.integers(len(groups), size=len(groups))
        values.append(statistic(np.concatenate([groups[index] for index in drawn])))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def exact_share(successes: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share (Biometrika 26, 1934): each bound is missed with 2.5 % at most."""
    low = float(betaincinv(successes, n - successes + 1, 0.025)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, n - successes, 0.975)) if successes < n else 1.0
    return low, high


def resampled_sums(values_N_M: Floats, clusters: Sequence[Hashable], *, draws: int = 2000, seed: int = 0) -> Floats:
    """The sums of the columns over so many resamples of whole clusters, shape (draws, M).

    For statistics of sums: a resample is then one weighted sum over the clusters, and a thousand take no time.
    """
    place_N = _numbered(clusters)
    count = int(place_N.max()) + 1
    sums_C_M = np.stack([np.bincount(place_N, column, minlength=count) for column in values_N_M.T], 1)
    weights_B_C = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return weights_B_C.astype(np.float64) @ sums_C_M


def _numbered(clusters: Sequence[Hashable]) -> NDArray[np.intp]:
    """The cluster of each row as 0, 1, ..., in the order in which they come."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.intp)


def cluster_mean_interval(values: Floats, clusters: Sequence[Hashable]) -> tuple[float, float]:
    """`cluster_bootstrap` of a mean."""
    drawn_B_2 = resampled_sums(np.column_stack([values, np.ones(len(values))]), clusters)
    low, high = np.quantile(drawn_B_2[:, 0] / drawn_B_2[:, 1], [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: Floats, clusters: Sequence[Hashable]) -> tuple[float, float]:
    """The interval of a mean of values in [0, 1]: the outer bounds of cluster bootstrap and exact interval.

    Resampling a few values says too little of how unlucky they may have been: of fifteen tosses of a coin it puts the
    lower bound above a half in 6 %. The exact interval is of `independent_cases`.
    """
    low, high = cluster_mean_interval(values, clusters)
    mean, cases = float(values.mean()), independent_cases(values, clusters)
    least, most = exact_share(mean * cases, cases)
    return min(low, least), max(high, most)


def independent_cases(values: Floats, clusters: Sequence[Hashable]) -> float:
    """So many independent cases of yes or no would make the mean vary as it does over clusters.

    Clusters that happen to be alike look like many cases: eight prompts of four to ten answers let a coin through in
    4 %. So what goes beyond the number of clusters is cut down by how little they tell of how much they vary (Korn and
    Graubard, Survey Methodology 24, 1998), and below six nothing does. Nor is it more than rows that have nothing in
    common. Left out: strata. Added: clusters of unequal size count as the smaller number of equal ones (Kish).
    """
    place_N = _numbered(clusters)
    mean, rows = float(values.mean()), len(values)
    count = rows**2 / float((np.bincount(place_N) ** 2).sum())
    apart_N = (values - mean) / rows
    of_clusters, of_rows = float((np.bincount(place_N, apart_N) ** 2).sum()), float((apart_N**2).sum())
    if count <= 1 or of_clusters < 1e-12:
        return count
    cases = mean * (1 - mean) / of_clusters * (count - 1) / count + 1
    if cases <= count or count < FEW_CLUSTERS:
        return min(cases, count)
    cases *= float(stdtrit(cases - 1, 0.975) / stdtrit(count - 1, 0.975)) ** 2
    apart = mean * (1 - mean) / of_rows * (rows - 1) / rows + 1
    return max(count, min(cases, apart))


def evaluation(
    metric: str, value: float, interval: tuple[float, float], n: int, detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One entry of result.json's evaluations. The interval is made to hold the value: a biased statistic, such as a
    calibration error, can lie outside its own percentile bootstrap.
    """
    low, high = min(interval[0], value), max(interval[1], value)
    return {"metric": metric, "value": value, "low": low, "high": high, "n": n, "detail": detail or {}}


def expected_calibration_error(probability: Floats, outcome: Floats, *, bins: int = 10) -> float:
    """Mean distance between what was predicted and what came, over bins of confidence in the likelier side.

    Args:
        probability: of the first answer winning.
        outcome: 1 it won, 0 it lost, 0.5 a tie.
    """
    flipped = probability < 0.5
    confidence = np.where(flipped, 1 - probability, probability)
    agreed = np.where(flipped, 1 - outcome, outcome)
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    gaps = np.bincount(place, confidence - agreed, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, counts.sum()))
