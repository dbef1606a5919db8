"""Whether probabilities are what they say: one temperature, fitted and measured on prompts that were held out.

A temperature divides all differences alike, so it changes how surely the model speaks and never which answer it
prefers. The one that is kept is fitted on all held-out votes; what is reported of it comes from temperatures that were
each fitted without the prompts on which they are measured.
"""

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from training.recipes.intervals import Floats, evaluation, expected_calibration_error, resampled_sums
from training.recipes.uncertainty import expected_share, verdicts

BINS, DRAWS, FOLDS = 10, 1000, 5
LEAST_VOTES, LEAST_PROMPTS = 20, 5  # of a slice that is reported
SLICE_MEASURES = ("calibration_error", "brier", "negative_log_likelihood")
_SPREAD_OF_LOG = 0.5  # prior of log T: a few dozen votes cannot tell a temperature of 1 from one of 1.5
_LOG_TEMPERATURES = np.linspace(-2.5, 2.5, 51)
_NAME_LENGTH = 60  # a metric's, in the registry
_LEAST = 1e-6  # a probability nearer to 0 is held there, so that one vote costs at most 14 nats


def fit_temperature(
    mean_N: Floats,
    sd_N: Floats,
    win_N: Floats,
    tie_N: Floats,
    *,
    weight_N: Floats | float = 1.0,
    tie_width: float = 0.0,
) -> float:
    """The temperature under which the verdicts are likeliest, with a prior around 1; 1 where there are no votes.

    Args:
        mean_N, sd_N: of the differences, in log odds.
        win_N, tie_N: shares of each row's votes.
        weight_N: how often each row counts.
    """

    def cost(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        first_N, tied_N, second_N = verdicts(mean_N, sd_N, tie_width=tie_width, temperature=temperature)
        tied_N = tied_N if tie_width > 0 else np.sqrt(first_N * second_N)  # half a vote each
        said = win_N * _log(first_N) + tie_N * _log(tied_N) + (1 - win_N - tie_N) * _log(second_N)
        return float(-(weight_N * said).sum() + 0.5 * (log_temperature / _SPREAD_OF_LOG) ** 2)

    best = min(_LOG_TEMPERATURES, key=cost)
    for width in 0.1 / 3.0 ** np.arange(1, 9):
        best = min((best - 2 * width, best - width, best, best + width, best + 2 * width), key=cost)
    return float(np.exp(best))


def cross_fitted_shares(
    mean_N: Floats, sd_N: Floats, win_N: Floats, tie_N: Floats, prompts_N: np.ndarray, *, tie_width: float = 0.0
) -> Floats:
    """The expected share of each row's votes, its temperature fitted on other prompts than its own."""
    names, place_N = np.unique(prompts_N, return_inverse=True)
    fold_N = np.random.default_rng(0).permutation(len(names))[place_N] % FOLDS
    share_N = np.zeros(len(mean_N))
    for fold in range(FOLDS):
        own, rest = fold_N == fold, fold_N != fold
        temperature = fit_temperature(mean_N[rest], sd_N[rest], win_N[rest], tie_N[rest], tie_width=tie_width)
        share_N[own] = expected_share(mean_N[own], sd_N[own], tie_width=tie_width, temperature=temperature)
    return share_N


def measure_calibration(share_N: Floats, outcome_N: Floats, prompts_N: Sequence[Hashable]) -> dict[str, dict[str, Any]]:
    """Expected calibration error, Brier score and negative log-likelihood, and accuracy, with 95 % intervals.

    Args:
        share_N: expected share of the votes that go to the first answer.
        outcome_N: the share that did: 1, 0, or a half for a tie.
        prompts_N: what is drawn as a whole for the intervals.
    Returns:
        By name: {"value", "low", "high"}. The likelihood is in nats a vote: ln 2 for one who says a half to all.
    """
    costs_N_4 = np.column_stack(
        [
            (share_N - outcome_N) ** 2,
            -(outcome_N * _log(share_N) + (1 - outcome_N) * _log(1 - share_N)),
            0.5 + 0.5 * np.sign(share_N - 0.5) * np.sign(outcome_N - 0.5),
            np.ones(len(share_N)),
        ]
    )
    # Clusters add up: a resample is a weighted sum of what each prompt contributes, also to the bins of the error.
    drawn_B_M = resampled_sums(np.hstack([costs_N_4, _gaps(share_N, outcome_N)]), prompts_N, draws=DRAWS)
    drawn_B_M /= drawn_B_M[:, 3:4]
    values = (costs_N_4[:, :3].mean(0), np.quantile(drawn_B_M[:, :3], [0.025, 0.975], axis=0))
    found = {
        name: _figure(values[0][n], *values[1][:, n])
        for n, name in enumerate(("brier", "negative_log_likelihood", "accuracy"))
    }
    errors = np.quantile(np.abs(drawn_B_M[:, 4:]).sum(1), [0.025, 0.975])
    return {"calibration_error": _figure(expected_calibration_error(share_N, outcome_N, bins=BINS), *errors)} | found


def slice_evaluations(
    share_N: Floats, outcome_N: Floats, prompts_N: np.ndarray, slices: Mapping[str, Sequence[Collection[str]]]
) -> list[dict[str, Any]]:
    """Three Evaluations a slice: calibration error, Brier score and negative log-likelihood; accuracy in the detail.

    Args:
        slices: what the slice goes by ("length") and each row's groups in it. A group with fewer than LEAST_VOTES
            votes or LEAST_PROMPTS prompts is left out: its interval would say nothing.
    """
    entries: list[dict[str, Any]] = []
    names: set[str] = set()
    for by, groups_N in slices.items():
        for group in sorted({name for groups in groups_N for name in groups} - {""}):
            rows = np.array([group in groups for groups in groups_N], dtype=bool)
            if rows.sum() < LEAST_VOTES or len(set(prompts_N[rows])) < LEAST_PROMPTS:
                continue
            found = measure_calibration(share_N[rows], outcome_N[rows], prompts_N[rows].tolist())
            detail = {"slice": by, "group": group, "accuracy": found["accuracy"]}
            name = _name_of_slice(f"{by}_{group}", names)
            for measure in SLICE_MEASURES:
                figure = found[measure]
                interval = figure["low"], figure["high"]
                entries.append(
                    evaluation(f"{measure}_by_{name}", figure["value"], interval, int(rows.sum()), dict(detail))
                )
    return entries


def _name_of_slice(text: str, taken: set[str]) -> str:
    longest = _NAME_LENGTH - max(len(f"{measure}_by_") for measure in SLICE_MEASURES)
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:longest]
    for number in range(2, 1000):
        if name not in taken:
            break
        name = f"{name[: longest - 4]}_{number}"
    taken.add(name)
    return name


def _gaps(share_N: Floats, outcome_N: Floats) -> Floats:
    """(N, BINS): what each row adds to (confidence - agreement) of its bin, as `expected_calibration_error` has it."""
    flipped = share_N < 0.5
    confidence = np.where(flipped, 1 - share_N, share_N)
    gap = confidence - np.where(flipped, 1 - outcome_N, outcome_N)
    place = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    return np.where(place[:, None] == np.arange(BINS), gap[:, None], 0.0)


def _figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": float(value), "low": float(min(low, value)), "high": float(max(high, value))}


def _log(probability_N: Floats) -> Floats:
    return np.log(np.clip(probability_N, _LEAST, 1.0))
