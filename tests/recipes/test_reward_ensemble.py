"""The ensemble of heads: fixed by its seed, as wide as the prior where nothing was said, and near the posterior."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from training.recipes.features import FeatureReader
from training.recipes.reward import RewardModel
from training.recipes.reward_ensemble import fit_members
from training.recipes.reward_head import HeadTargets, fit_head, fit_targets, sigmoid
from training.recipes.uncertainty import deviations
from training.recipes.votes import Votes

GROUPS = np.array([0, 0, 0, 1])


def drawn(count: int, seed: int = 0) -> HeadTargets:
    """Votes of a linear model on pairs of which the third feature tells nothing: it is the same for both."""
    chance = np.random.default_rng(seed)
    x_P = chance.normal(size=(count, 4)) * np.array([1.0, 1.0, 0.0, 1.0])
    p_P = np.asarray(sigmoid(x_P @ np.array([1.0, -0.5, 0.0, 0.5])))
    win_P = np.where(chance.random(count) < p_P, 1.0, 0.0)
    return HeadTargets(x_P, win_P, np.zeros(count), np.ones(count), np.ones(count))


@pytest.fixture(scope="module")
def pair(tiny, snapshot) -> tuple[RewardModel, Votes]:
    votes = Votes.from_snapshot(snapshot, "train")
    return RewardModel.fit(FeatureReader(tiny), votes, members=8, seed=3)[0], votes


def test_the_seed_fixes_all_members_and_another_draws_others():
    said = drawn(100)
    head = fit_targets(said, GROUPS)
    first, again, other = (fit_members(said, GROUPS, head, size=4, seed=[seed]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0
    np.testing.assert_array_equal(fit_members(said, GROUPS, head, size=2, seed=[1]), first[:2])


def test_where_nothing_was_said_members_differ_as_the_prior_does_and_else_as_the_posterior():
    said = drawn(400)
    head = fit_targets(said, GROUPS)
    members = fit_members(said, GROUPS, head, size=300)
    prior, posterior = 1 / np.sqrt(head.precisions[0]), np.sqrt(np.diag(head.covariance))
    found = members.std(0, ddof=1)
    assert found[2] == pytest.approx(prior, rel=0.15)
    np.testing.assert_allclose(found[[0, 1, 3]], posterior[[0, 1, 3]], rtol=0.2)
    np.testing.assert_allclose(members.mean(0), head.weights, atol=4 * prior / np.sqrt(300))


def test_more_votes_make_members_agree():
    few, many = (fit_members(s, GROUPS, fit_targets(s, GROUPS), size=30) for s in (drawn(30), drawn(3000)))
    assert (many.std(0) < few.std(0) / 2)[:2].all()


def test_a_member_without_a_draw_of_its_own_is_the_head_itself():
    """Prior mean 0 and weights 1: the same votes, the same prior, the same optimum."""
    said = drawn(80)
    head = fit_head(said.x_P_K, said.win_P, said.weight_P, GROUPS)
    same = HeadTargets(
        said.x_P_K, said.win_P, said.tie_P, said.strength_P, said.weight_P, prior_mean_K=np.zeros(4)
    )  # fmt: skip
    np.testing.assert_allclose(fit_targets(same, GROUPS, precisions=head.precisions).weights, head.weights, atol=1e-6)


def test_the_score_is_the_members_mean_and_the_deviations_are_theirs(pair):
    model, votes = pair
    answers = votes.answers[:12]
    scores_A_E = model.features(answers) @ model.members.T / model.spread
    mean_A, sd_A = model.spread_of(answers)
    np.testing.assert_allclose(mean_A, scores_A_E.mean(1) - model.center / model.spread, atol=1e-9)
    np.testing.assert_allclose(sd_A, scores_A_E.std(1, ddof=1), atol=1e-9)
    mean_P, sd_P, share_P = model.difference(answers[:6], answers[6:])
    apart_P_E = scores_A_E[:6] - scores_A_E[6:]
    np.testing.assert_allclose(mean_P, apart_P_E.mean(1), atol=1e-9)
    np.testing.assert_allclose(sd_P, apart_P_E.std(1, ddof=1), atol=1e-9)
    assert ((share_P > 0.5) == (mean_P > 0)).all()


def test_an_ensemble_is_saved_and_loaded_as_it_was(pair, tiny, tmp_path):
    model, votes = pair
    model.save(tmp_path, base_sha256="0" * 64)
    assert load_file(tmp_path / "reward_model.safetensors")["members"].shape == (8, len(model.weights))
    loaded = RewardModel.load(tmp_path, tiny)
    np.testing.assert_allclose(loaded.members, model.members, rtol=1e-6)
    for found, expected in zip(loaded.spread_of(votes.answers), model.spread_of(votes.answers), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_axes_and_their_weights_and_the_removal_of_length_hold_for_members(tiny, snapshot):
    votes = Votes.from_snapshot(snapshot, "train")
    reader = FeatureReader(tiny)
    model = RewardModel.fit(reader, votes, members=8, remove_length=True)[0]
    np.testing.assert_allclose(model.members.mean(0), model.weights, atol=1e-9)
    phi = model.features(votes.answers)
    assert abs(np.corrcoef(phi @ model.members[0], phi[:, -1])[0, 1]) < 1e-6
    double = RewardModel.fit(reader, votes, members=8, axis_weights={"overall": 2.0})[0]
    single = RewardModel.fit(reader, votes, members=8)[0]
    np.testing.assert_allclose(double.members, 2 * single.members)
    assert deviations(phi, double.covariance) == pytest.approx(2 * deviations(phi, single.covariance))
