"""Uncertainty and calibration against simulation, and the vectorised intervals against the plain ones."""

import numpy as np
import pytest

from training.recipes.calibration import (
    cross_fitted_shares,
    fit_temperature,
    measure_calibration,
    slice_evaluations,
)
from training.recipes.intervals import cluster_bootstrap, expected_calibration_error
from training.recipes.uncertainty import deviations, expected_share, verdicts


def drawn(n: int, *, sharper: float = 1.0, nu: float = 0.0, seed: int = 0):
    """Differences that are `sharper` times too large, and what people said."""
    chance = np.random.default_rng(seed)
    delta = chance.normal(size=n) * 1.5
    first, tied, _ = verdicts(delta, np.zeros(n), tie_width=nu)
    u = chance.random(n)
    return (
        delta * sharper,
        (u < first) * 1.0,
        ((u >= first) & (u < first + tied)) * 1.0,
        chance.integers(n // 4, size=n),
    )


def test_deviations_are_those_of_drawn_weights():
    chance = np.random.default_rng(0)
    root = chance.normal(size=(4, 4))
    covariance, x = root @ root.T, chance.normal(size=(6, 4))
    weights = chance.multivariate_normal(np.zeros(4), covariance, size=200_000)
    np.testing.assert_allclose(deviations(x, covariance), (x @ weights.T).std(1), rtol=0.02)


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.3), (1.0, 1.0), (-2.0, 1.5)])
def test_what_is_not_known_draws_the_probability_towards_even(mean, sd):
    margin = np.random.default_rng(0).normal(mean, sd, 400_000)
    share = expected_share(np.array([mean]), np.array([sd]))[0]
    assert share == pytest.approx((1 / (1 + np.exp(-margin))).mean(), abs=0.015)
    assert abs(share - 0.5) < abs(expected_share(np.array([mean]), np.zeros(1))[0] - 0.5)


def test_the_three_verdicts_share_the_chances_and_turn_with_the_sides():
    mean, sd = np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0])
    first, tied, second = verdicts(mean, sd, tie_width=0.6, temperature=1.3)
    np.testing.assert_allclose(first + tied + second, 1)
    np.testing.assert_allclose(expected_share(mean, sd, tie_width=0.6) + expected_share(-mean, sd, tie_width=0.6), 1)
    np.testing.assert_allclose(expected_share(mean, sd, tie_width=0.6), (first + tied / 2), atol=0.2)


@pytest.mark.parametrize("sharper", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("nu", [0.0, 0.6])
def test_the_temperature_undoes_how_much_too_sure_a_head_is(sharper, nu):
    mean, win, tie, _ = drawn(8000, sharper=sharper, nu=nu)
    assert fit_temperature(mean, np.zeros(8000), win, tie, tie_width=nu) == pytest.approx(sharper, rel=0.08)


def test_without_votes_the_temperature_is_1_and_with_few_it_stays_near():
    none = np.zeros(0)
    assert fit_temperature(none, none, none, none) == pytest.approx(1, abs=1e-3)
    assert 0.4 < fit_temperature(np.ones(3) * 4, np.zeros(3), np.zeros(3), np.zeros(3)) < 5


def test_a_cross_fitted_probability_does_not_know_its_own_prompt():
    mean, win, tie, prompts = drawn(400, sharper=3.0)
    before = cross_fitted_shares(mean, np.zeros(400), win, tie, prompts)
    own = prompts == prompts[0]
    other = win.copy()
    other[own] = 1 - win[own]
    np.testing.assert_array_equal(cross_fitted_shares(mean, np.zeros(400), other, tie, prompts)[own], before[own])
    assert expected_calibration_error(before, win) < expected_calibration_error(expected_share(mean, mean * 0), win)


def test_figures_and_intervals_are_those_of_the_plain_formulas():
    mean, win, tie, prompts = drawn(600, sharper=2.0)
    share = expected_share(mean, np.zeros(600))
    found = measure_calibration(share, win, prompts.tolist())
    assert found["brier"]["value"] == pytest.approx(((share - win) ** 2).mean())
    assert found["negative_log_likelihood"]["value"] == pytest.approx(
        -(win * np.log(share) + (1 - win) * np.log(1 - share)).mean()
    )
    assert found["calibration_error"]["value"] == expected_calibration_error(share, win)
    for name, statistic in (
        ("brier", lambda rows: ((share - win) ** 2)[rows].mean()),
        ("calibration_error", lambda rows: expected_calibration_error(share[rows], win[rows])),
    ):
        low, high = cluster_bootstrap(statistic, prompts.tolist(), draws=1000)
        assert (found[name]["low"], found[name]["high"]) == (
            pytest.approx(low, abs=0.012),
            pytest.approx(high, abs=0.012),
        )


def test_a_slice_is_measured_where_there_is_enough_of_it():
    mean, win, tie, prompts = drawn(300)
    share = expected_share(mean, mean * 0)
    groups = [("short",) if n < 150 else ("Very long & more",) if n < 290 else ("few",) for n in range(300)]
    groups[0] = ()
    entries = slice_evaluations(share, win, prompts, {"length": groups})
    measures = ("brier", "calibration_error", "negative_log_likelihood")
    assert {e["metric"]: e["n"] for e in entries} == {
        f"{measure}_by_length_{group}": n
        for measure in measures
        for group, n in (("very_long_more", 140), ("short", 149))
    }
    for entry in entries:
        assert entry["low"] <= entry["value"] <= entry["high"]
        assert set(entry["detail"]) == {"slice", "group", "accuracy"}
    own = measure_calibration(share[1:150], win[1:150], prompts[1:150].tolist())
    assert {e["metric"]: e["value"] for e in entries if e["detail"]["group"] == "short"} == {
        f"{measure}_by_length_short": own[measure]["value"] for measure in measures
    }


def test_a_vote_is_in_the_slice_of_every_group_of_whoever_gave_it():
    mean, win, _, prompts = drawn(200)
    groups = [("people", "language:de") if n % 2 else ("people",) for n in range(200)]
    entries = slice_evaluations(expected_share(mean, mean * 0), win, prompts, {"annotators": groups})
    found = {e["metric"]: e["n"] for e in entries if e["metric"].startswith("brier")}
    assert found == {"brier_by_annotators_people": 200, "brier_by_annotators_language_de": 100}


def test_slices_whose_names_begin_alike_are_told_apart():
    mean, win, _, prompts = drawn(200)
    groups = [("x" * 80 + str(n % 2),) for n in range(200)]
    names = [e["metric"] for e in slice_evaluations(expected_share(mean, mean * 0), win, prompts, {"source": groups})]
    assert len(set(names)) == 6
    assert max(map(len, names)) <= 60
