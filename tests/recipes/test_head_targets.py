"""The head on everything that can be said: against numerical derivatives, and what it was told in the first place."""

import dataclasses

import numpy as np
import pytest

from training.recipes.reward_head import HeadTargets, _hessian, _losses, fit_head, fit_targets

GROUPS = np.array([0, 0, 0, 0, 1])
TRUE = np.array([1.5, -1.0, 0.5, 0.0, 0.8])


def said(pairs: int = 0, anchors: int = 0, rankings: int = 0, *, nu: float = 0.0, point: float = 0.0, seed: int = 0):
    """Votes drawn from the model itself."""
    chance = np.random.default_rng(seed)
    x_P, x_Q = chance.normal(size=(pairs, 5)), chance.normal(size=(anchors, 5))
    worth = np.exp(np.stack([x_P @ TRUE / 2, -x_P @ TRUE / 2], 1))
    worth = np.column_stack([worth, np.full(pairs, nu)])
    outcome = (chance.random(pairs)[:, None] * worth.sum(1, keepdims=True) > worth.cumsum(1)).sum(1)
    level = (chance.random(anchors) < 1 / (1 + np.exp(-(x_Q @ TRUE - point)))).astype(float)
    x_R = chance.normal(size=(rankings, 4, 5))
    noisy = x_R @ TRUE + chance.gumbel(size=(rankings, 4))
    x_R = np.take_along_axis(x_R, np.argsort(-noisy, 1)[:, :, None], 1)
    return HeadTargets(
        x_P, (outcome == 0) * 1.0, (outcome == 2) * 1.0, np.ones(pairs), np.ones(pairs),
        x_Q, level, np.ones(anchors), ((x_R, [1, 2, 3, 4], np.ones(rankings)),) if rankings else (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("targets", "tolerance"),
    [(said(4000), 0.25), (said(4000, nu=0.8), 0.25), (said(0, 4000), 0.25), (said(0, 0, 1500), 0.25),
     (said(1500, 1500, 500, nu=0.5, point=0.7), 0.25)],
    ids=["pairs", "ties", "ratings", "rankings", "all"],
)  # fmt: skip
def test_what_people_go_by_is_found_from_each_kind_of_judgement(targets, tolerance):
    head = fit_targets(targets, GROUPS)
    np.testing.assert_allclose(head.weights, TRUE, atol=tolerance)
    # As often inside their own posterior's two deviations as they should be.
    assert (np.abs(head.weights - TRUE) < 3 * np.sqrt(np.diag(head.covariance))).all()


def test_the_tie_width_and_the_point_of_good_are_found_with_the_weights():
    head = fit_targets(said(4000, 4000, nu=0.5, point=0.7), GROUPS)
    assert head.tie_width == pytest.approx(0.5, rel=0.15)
    assert head.good_from == pytest.approx(0.7, abs=0.15)
    assert fit_targets(said(200), GROUPS).tie_width == 0.0


def test_gradient_and_hessian_are_those_of_the_value():
    targets = said(30, 20, 10).with_point()
    targets = dataclasses.replace(targets, tie_P=np.where(np.arange(30) % 3 == 0, 1.0, 0.0), win_P=np.zeros(30))
    weights, precision, step = np.array([0.3, -0.2, 0.1, 0.5, 1.0, 0.4]), np.arange(1.0, 7.0), 1e-5
    _, gradient, curvature = _losses(targets, weights, precision, 0.6)
    hessian = _hessian(targets, curvature, precision)
    for k in range(6):
        move = np.eye(6)[k] * step
        up, down = (_losses(targets, weights + sign * move, precision, 0.6) for sign in (1, -1))
        assert gradient[k] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-4)
        np.testing.assert_allclose(hessian[k], (up[1] - down[1]) / (2 * step), atol=1e-4)


def test_both_kinds_of_judgement_together_say_more_than_either():
    spread = [np.trace(fit_targets(t, GROUPS).covariance) for t in (said(300, 300), said(300), said(0, 300))]
    assert spread[0] < min(spread[1:])


def test_a_tie_between_answers_that_differ_draws_them_together():
    x = np.array([[1.0, 0.0, 0.0, 0.0, 0.0]] * 12)
    wins, counts = np.array([1.0] * 12), np.ones(12)
    won = fit_head(x, wins, counts, GROUPS)
    ties = HeadTargets(x, np.repeat([1.0, 0.0], 6), np.repeat([0.0, 1.0], 6), counts, counts)
    assert 0 < fit_targets(ties, GROUPS).weights[0] < won.weights[0]


def test_nothing_said_is_the_prior():
    head = fit_targets(said(0), GROUPS)
    np.testing.assert_allclose(head.weights, 0, atol=1e-12)
    assert np.isfinite(head.covariance).all()
