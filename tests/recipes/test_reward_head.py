"""The head against naive loops and scipy, and the statistics against published figures."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import betabinom, binom

from training.recipes.intervals import cluster_bootstrap, exact_share, expected_calibration_error, mean_interval
from training.recipes.reward_head import fit_head, log_posterior, sigmoid

GROUPS = np.array([0, 0, 0, 0, 1])


def votes(n: int, *, weights=(1.5, -1.0, 0.0, 0.0, 0.8), seed: int = 0):
    chance = np.random.default_rng(seed)
    differences = chance.normal(size=(n, 5))
    wins = (chance.random(n) < sigmoid(differences @ np.array(weights))).astype(float)
    return differences, wins, np.ones(n)


def test_log_posterior_equals_a_naive_loop():
    x, wins, counts = votes(20)
    wins[3], counts[5] = 0.5, 3.0
    weights, precision = np.array([0.3, -0.2, 0.1, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0, 0.1])
    total = 0.0
    for row, win, count in zip(x, wins, counts, strict=True):
        p = 1 / (1 + np.exp(-(row @ weights)))
        total += count * (win * np.log(p) + (1 - win) * np.log(1 - p))
    total -= 0.5 * sum(alpha * w * w for alpha, w in zip(precision, weights, strict=True))
    assert log_posterior(weights, x, wins, counts, precision) == pytest.approx(total, rel=1e-12)


def test_weights_are_where_scipy_finds_the_maximum():
    x, wins, counts = votes(200)
    head = fit_head(x, wins, counts, GROUPS)
    precision = np.array(head.precisions)[GROUPS]
    best = minimize(lambda w: -log_posterior(w, x, wins, counts, precision), np.zeros(5), tol=1e-10)
    np.testing.assert_allclose(head.weights, best.x, atol=1e-4)


def test_prior_scales_are_where_scipy_finds_the_most_evidence():
    x, wins, counts = votes(150)

    def negative_evidence(log2_precisions):
        precision = 2.0 ** log2_precisions[GROUPS]
        best = minimize(lambda w: -log_posterior(w, x, wins, counts, precision), np.zeros(5), tol=1e-9)
        p = sigmoid(x @ best.x)
        hessian = x.T @ np.diag(p * (1 - p)) @ x + np.diag(precision)
        return best.fun - 0.5 * np.log(precision).sum() + 0.5 * np.linalg.slogdet(hessian)[1]

    head = fit_head(x, wins, counts, GROUPS)
    best = minimize(negative_evidence, np.log2(head.precisions) + 1.0, method="Nelder-Mead", tol=1e-3)
    assert head.log_evidence == pytest.approx(-best.fun, abs=0.02)


def test_features_that_say_nothing_are_switched_off():
    x, wins, counts = votes(300, weights=(0.0, 0.0, 0.0, 0.0, 1.5))
    head = fit_head(x, wins, counts, GROUPS)
    assert head.precisions[0] > 20 * head.precisions[1]
    assert np.abs(head.weights[:4]).max() < 0.1 < head.weights[4]


def test_swapping_every_pair_changes_nothing():
    x, wins, counts = votes(80)
    one, other = fit_head(x, wins, counts, GROUPS), fit_head(-x, 1 - wins, counts, GROUPS)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)
    assert one.log_evidence == pytest.approx(other.log_evidence)


def test_a_tie_counts_as_half_a_vote_for_each():
    x, wins, counts = votes(40)
    tied = fit_head(np.vstack([x, x[:1]]), np.append(wins, 0.5), np.append(counts, 2.0), GROUPS)
    split = fit_head(np.vstack([x, x[:1], x[:1]]), np.append(wins, [1.0, 0.0]), np.ones(42), GROUPS)
    np.testing.assert_allclose(tied.weights, split.weights, atol=1e-9)


def test_three_votes_are_three_rows():
    x, wins, counts = votes(40)
    counts[0] = 3.0
    rows = np.vstack([x, x[:1], x[:1]])
    repeated = fit_head(rows, np.append(wins, wins[[0, 0]]), np.ones(42), GROUPS)
    np.testing.assert_allclose(fit_head(x, wins, counts, GROUPS).weights, repeated.weights, atol=1e-9)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, table I, method 5
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_intervals_match_newcombe_1998(successes, n, low, high):
    assert exact_share(successes, n) == pytest.approx((low, high), abs=5e-5)
    assert exact_share(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize("n", range(1, 41))
def test_a_coin_is_surely_above_a_half_in_a_fortieth_of_cases_at_most(n):
    surely = [
        heads
        for heads in range(n + 1)
        if mean_interval(np.repeat([1.0, 0.0], [heads, n - heads]), list(range(n)))[0] > 0.5
    ]
    assert sum(math.comb(n, heads) for heads in surely) / 2**n <= 0.025
    if n >= 6:
        assert n in surely, "all of six are enough"


@pytest.mark.parametrize(
    "sizes",
    [
        (10,) * 2,
        (8,) * 3,
        (4,) * 4,
        (2, 4, 8),
        (1, 2, 3, 5),
        (1, 1, 2, 4, 8),
        (2,) * 6,
        (2,) * 7,
        (1, 1, 1, 2, 2, 3, 4),
    ],
)
def test_a_few_prompts_that_happen_to_be_alike_let_no_coin_through(sizes):
    prompts = np.repeat(np.arange(len(sizes)), sizes).tolist()
    # Answers of one prompt that have nothing in common, a little, and much.
    chances = {"none": [binom(size, 0.5) for size in sizes]}
    chances |= {f"beta {a}": [betabinom(size, a, a) for size in sizes] for a in (5, 2, 0.5, 0.2)}
    passed = dict.fromkeys(chances, 0.0)
    for won in product(*(range(size + 1) for size in sizes)):
        if sum(won) * 2 <= len(prompts):
            continue
        values = np.concatenate(
            [np.repeat([1.0, 0.0], [each, size - each]) for each, size in zip(won, sizes, strict=True)]
        )
        if mean_interval(values, prompts)[0] > 0.5:
            for name, law in chances.items():
                passed[name] += math.prod(of.pmf(each) for of, each in zip(law, won, strict=True))
    assert max(passed.values()) <= 0.025, passed


@pytest.mark.parametrize("n", [5, 6, 8, 12, 20])
@pytest.mark.parametrize("ties", [0.2, 0.5, 0.8])
def test_ties_let_no_coin_through(n, ties):
    passed = 0.0
    for won, lost in product(range(n + 1), repeat=2):
        if won <= lost or won + lost > n:
            continue
        values = np.repeat([1.0, 0.0, 0.5], [won, lost, n - won - lost])
        if mean_interval(values, list(range(n)))[0] > 0.5:
            ways = math.comb(n, won) * math.comb(n - won, lost)
            passed += ways * ((1 - ties) / 2) ** (won + lost) * ties ** (n - won - lost)
    assert passed <= 0.025


def test_an_interval_is_of_prompts_where_their_answers_are_alike_and_of_answers_where_they_are_not():
    won = np.repeat([1.0, 0.0], [8, 2])
    few = mean_interval(won, list(range(10)))
    assert mean_interval(np.repeat(won, 20), np.repeat(np.arange(10), 20).tolist()) == pytest.approx(few, abs=1e-9)
    mixed = np.tile([1.0, 1.0, 1.0, 1.0, 0.0], 40)
    assert mean_interval(mixed, np.repeat(np.arange(20), 10).tolist()) == exact_share(16, 20), "no prompt differs"
    assert few[0] < 0.5 < mean_interval(mixed, list(range(200)))[0]


def test_interval_over_prompts_is_wider_than_over_rows_that_repeat_each_other():
    values = np.repeat([0.0, 1.0] * 10, 20)
    by_prompt = cluster_bootstrap(lambda rows: values[rows].mean(), np.repeat(np.arange(20), 20).tolist())
    by_row = cluster_bootstrap(lambda rows: values[rows].mean(), list(range(400)))
    assert by_prompt[1] - by_prompt[0] > 3 * (by_row[1] - by_row[0])


def test_calibration_error_of_known_cases():
    outcome = np.array([1.0, 1.0, 1.0, 0.0])
    assert expected_calibration_error(np.full(4, 0.75), outcome) == pytest.approx(0.0)
    assert expected_calibration_error(np.full(4, 0.25), outcome) == pytest.approx(0.5)
    assert expected_calibration_error(np.full(4, 1.0), outcome) == pytest.approx(0.25)
