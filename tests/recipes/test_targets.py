"""The losses against identities, numerical derivatives and a naive enumeration of what could have been said."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from training.recipes.targets import (
    anchor_loss,
    anchor_loss_tensor,
    fit_tie_width,
    pair_loss,
    pair_loss_tensor,
    ranking_loss,
    ranking_loss_tensor,
)

DELTA = np.array([-3.0, -0.4, 0.0, 0.7, 5.0])
WIN, TIE = np.array([0.0, 0.5, 0.2, 1.0, 0.0]), np.array([0.0, 0.0, 0.8, 0.0, 1.0])
STRENGTH = np.array([1.0, 2.0, 1.0, 3.0, 1.0])


def of_choices(delta: float, nu: float) -> list[float]:
    """What it costs to say: the first, the second, a tie."""
    one = np.ones(1)
    said = [(1.0, 0.0), (0.0, 0.0), (0.0, 1.0)]
    return [float(pair_loss(one * delta, one * win, one * tie, one, nu).value_N[0]) for win, tie in said]


def test_without_ties_it_is_bradley_terry():
    first, second, tie = of_choices(0.7, 0.0)
    assert first == pytest.approx(-math.log(1 / (1 + math.exp(-0.7))))
    assert second == pytest.approx(first + 0.7)  # -log s(-x) + log s(x) = x
    assert tie == pytest.approx((first + second) / 2)


def test_the_three_verdicts_are_all_there_is_to_say():
    for delta, nu in product((-2.0, 0.0, 0.7), (0.1, 0.5, 2.0)):
        assert sum(math.exp(-nats) for nats in of_choices(delta, nu)) == pytest.approx(1)


def test_davidsons_tie_is_nu_times_the_geometric_mean_of_the_others():
    first, second, tie = (math.exp(-nats) for nats in of_choices(1.3, 0.6))
    assert tie == pytest.approx(0.6 * math.sqrt(first * second))
    assert math.log(first / second) == pytest.approx(1.3)


@pytest.mark.parametrize("form", ["scaled", "margin"])
@pytest.mark.parametrize("nu", [0.0, 0.4])
def test_derivatives_are_those_of_the_value(form, nu):
    step = 1e-5
    at = [pair_loss(DELTA + move, WIN, TIE, STRENGTH, nu, form=form) for move in (-step, 0.0, step)]
    np.testing.assert_allclose(at[1].gradient_N, (at[2].value_N - at[0].value_N) / (2 * step), atol=1e-7)
    np.testing.assert_allclose(at[1].curvature_N, (at[2].gradient_N - at[0].gradient_N) / (2 * step), atol=1e-7)
    assert (at[1].curvature_N >= 0).all()


@pytest.mark.parametrize("form", ["scaled", "margin"])
@pytest.mark.parametrize("nu", [0.0, 0.4])
def test_torch_and_numpy_say_the_same(form, nu):
    arrays = [torch.tensor(a) for a in (DELTA, WIN, TIE, STRENGTH)]
    arrays[0].requires_grad_()
    loss = pair_loss_tensor(*arrays, nu, form=form)
    terms = pair_loss(DELTA, WIN, TIE, STRENGTH, nu, form=form)
    np.testing.assert_allclose(loss.detach().numpy(), terms.value_N, rtol=1e-12)
    loss.sum().backward()
    np.testing.assert_allclose(arrays[0].grad.numpy(), terms.gradient_N, atol=1e-12)
    level = np.array([0.0, 0.3, 1.0, 0.5, 0.9])
    np.testing.assert_allclose(
        anchor_loss_tensor(torch.tensor(DELTA), torch.tensor(level)).numpy(), anchor_loss(DELTA, level).value_N
    )
    scores = np.array([0.3, -1.0, 0.8, 0.1])
    assert float(ranking_loss_tensor(torch.tensor(scores), [1, 3, 2, 2], nu)) == pytest.approx(
        ranking_loss(scores, [1, 3, 2, 2], nu)[0]
    )


def test_a_strong_preference_counts_as_often_as_it_is_strong():
    one = np.ones(1)
    often, once = (pair_loss(one * 0.4, one, one * 0, one * m, 0.3) for m in (3.0, 1.0))
    for thrice, single in zip(often, once, strict=True):
        np.testing.assert_allclose(thrice, 3 * single)


def test_a_strong_preference_must_be_won_by_its_margin():
    one = np.ones(1)
    won = pair_loss(one * 0.9, one, one * 0, one * 3, 0.0, form="margin").value_N[0]
    assert won == pytest.approx(math.log1p(math.exp(-(0.9 - 2 / 3))))
    lost = pair_loss(one * -0.9, one * 0, one * 0, one * 3, 0.0, form="margin").value_N[0]
    assert lost == pytest.approx(won)


def test_swapping_the_answers_changes_nothing_but_the_sign():
    one, other = pair_loss(DELTA, WIN, TIE, STRENGTH, 0.4), pair_loss(-DELTA, 1 - WIN - TIE, TIE, STRENGTH, 0.4)
    np.testing.assert_allclose(one.value_N, other.value_N)
    np.testing.assert_allclose(one.gradient_N, -other.gradient_N, atol=1e-15)


def test_a_ranking_of_two_is_a_pair():
    for ranks, win, tie in (([1, 2], 1.0, 0.0), ([2, 1], 0.0, 0.0), ([1, 1], 0.0, 1.0)):
        for nu in (0.0, 0.5):
            one = np.ones(1)
            pair = pair_loss(one * 0.9, one * win, one * tie, one, nu)
            value, gradient, hessian = ranking_loss(np.array([0.4, -0.5]), ranks, nu)
            assert value == pytest.approx(pair.value_N[0])
            np.testing.assert_allclose(gradient, pair.gradient_N * [1, -1], atol=1e-12)
            assert hessian[0, 0] == pytest.approx(pair.curvature_N[0])


def test_a_ranking_without_ties_is_plackett_luce():
    s = np.array([0.3, -1.0, 0.8])
    worth = np.exp(s)
    p = worth[2] / worth.sum() * worth[0] / (worth[0] + worth[1])
    assert ranking_loss(s, [2, 3, 1], 0.0)[0] == pytest.approx(-math.log(p))


def test_the_chances_of_all_rankings_with_ties_sum_to_one():
    orders = {tuple(sorted(set(r)).index(x) + 1 for x in r) for r in product(range(3), repeat=3)}
    assert len(orders) == 13
    s = np.array([0.3, -1.0, 0.8])
    assert sum(math.exp(-ranking_loss(s, order, 0.7)[0]) for order in orders) == pytest.approx(1)


def test_a_rankings_derivatives_are_those_of_its_value():
    s, step = np.array([0.3, -1.0, 0.8, 0.1]), 1e-5
    for nu in (0.0, 0.6):
        _, gradient, hessian = ranking_loss(s, [1, 3, 2, 2], nu)
        for k in range(4):
            move = np.eye(4)[k] * step
            up, down = ranking_loss(s + move, [1, 3, 2, 2], nu), ranking_loss(s - move, [1, 3, 2, 2], nu)
            assert gradient[k] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-7)
            np.testing.assert_allclose(hessian[k], (up[1] - down[1]) / (2 * step), atol=1e-7)


def test_the_tie_width_is_found_again():
    chance, nu = np.random.default_rng(0), 0.8
    delta = chance.normal(size=20_000)
    p_tie = nu / (2 * np.cosh(delta / 2) + nu)
    tie = (chance.random(20_000) < p_tie).astype(float)
    assert fit_tie_width(delta, tie, np.ones(20_000)) == pytest.approx(nu, rel=0.05)


def test_without_ties_there_is_no_tie_width_and_with_nothing_else_it_is_held():
    assert fit_tie_width(DELTA, np.zeros(5), np.ones(5)) == 0.0
    assert fit_tie_width(np.zeros(0), np.zeros(0), np.zeros(0)) == 0.0
    assert math.isfinite(fit_tie_width(DELTA, np.ones(5), np.ones(5)))
    assert fit_tie_width(np.zeros(0), np.zeros(0), np.zeros(0), [(np.zeros((1, 3)), [1, 2, 2], np.ones(1))]) > 0
