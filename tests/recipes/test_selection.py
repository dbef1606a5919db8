"""Which comparisons come next: the rules against naive loops, the random arm, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest

from training.recipes.run import RecipeError
from training.recipes.selection import POLICIES, Belief, choose, in_random_arm
from training.recipes.selection_rules import SAME_DIRECTION, Near, State, bald, d_optimal, greedy, v_optimal

K = 6


@pytest.fixture
def chance():
    return np.random.default_rng(0)


@pytest.fixture
def belief(chance):
    root = chance.normal(size=(K, K))
    precision_K = np.full(K, 0.01)
    covariance = np.linalg.inv(np.linalg.inv(root @ root.T / K) + np.diag(precision_K))
    return Belief(chance.normal(size=K), covariance, precision_K, np.array([0] * (K - 1) + [1]))


def order_of(policy, differences, belief, **more):
    count = len(differences)
    given = {"item_ids": range(count), "prompt_ids": range(count), "batch": 20, "seed": 0} | more
    return choose(policy, differences, belief, **given)


def information_of(differences, belief):
    p = 1 / (1 + np.exp(-differences @ belief.weights_K))
    return p * (1 - p)


def test_a_taken_candidate_leaves_what_the_inverted_precision_says(chance, belief):
    x, served = chance.normal(size=(30, K)), chance.normal(size=(9, K))
    state = State.start(x, belief.weights_K, belief.covariance_K_K, served)
    precision = np.linalg.inv(belief.covariance_K_K)
    for row in (3, 17, 3, 29):
        state.take(row)
        precision += information_of(x, belief)[row] * np.outer(x[row], x[row])
    covariance = np.linalg.inv(precision)
    np.testing.assert_allclose(state.variance_N, np.einsum("nk,kl,nl->n", x, covariance, x), rtol=1e-9)
    second_moment = served.T @ served / len(served)
    naive = np.einsum("nk,kl,lm,mo,no->n", x, covariance, second_moment, covariance, x)
    np.testing.assert_allclose(state.served_N, naive, rtol=1e-9)


def test_v_optimal_gains_are_the_variance_that_the_served_differences_lose(chance, belief):
    x, served = chance.normal(size=(12, K)), chance.normal(size=(9, K))
    gains = v_optimal(State.start(x, belief.weights_K, belief.covariance_K_K, served))
    precision = np.linalg.inv(belief.covariance_K_K)
    for row, information_n in enumerate(information_of(x, belief)):
        after = np.linalg.inv(precision + information_n * np.outer(x[row], x[row]))
        lost = np.einsum("mk,kl,ml->m", served, belief.covariance_K_K - after, served).mean()
        assert gains[row] == pytest.approx(lost, rel=1e-9)


def test_greedy_d_optimal_takes_what_raises_the_determinant_most(chance, belief):
    x = chance.normal(size=(25, K))
    state = State.start(x, belief.weights_K, belief.covariance_K_K)
    rows, _ = greedy(state, d_optimal, Near(x, np.arange(25), 5), 5)
    precision, naive = np.linalg.inv(belief.covariance_K_K), []
    for _ in range(5):
        grown = [
            -np.inf if row in naive else np.linalg.slogdet(precision + i * np.outer(x[row], x[row]))[1]
            for row, i in enumerate(information_of(x, belief))
        ]
        naive.append(int(np.argmax(grown)))
        precision += information_of(x, belief)[naive[-1]] * np.outer(x[naive[-1]], x[naive[-1]])
    assert rows == naive


def test_bald_is_the_mutual_information_that_drawn_weights_show(chance, belief):
    x = chance.normal(size=(8, K))
    gains = bald(State.start(x, belief.weights_K, belief.covariance_K_K))
    weights = chance.multivariate_normal(belief.weights_K, belief.covariance_K_K, size=200_000)
    p = 1 / (1 + np.exp(-x @ weights.T))

    def entropy(q):
        return -q * np.log(q) - (1 - q) * np.log(1 - q)

    np.testing.assert_allclose(gains, entropy(p.mean(1)) - entropy(p).mean(1), atol=0.01)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_batch_holds_no_near_duplicates_and_nothing_that_teaches_nothing(policy, chance, belief):
    x = np.repeat(chance.normal(size=(30, K)), 4, axis=0)
    x[1::4] *= -1  # the same pair, sides swapped
    x[2::4] += 1e-3 * chance.normal(size=(30, K))
    x[3::4] = 0  # two answers that read the same
    order = order_of(policy, x, belief)
    chosen = np.flatnonzero(~np.isnan(order.score_N))
    unit = x[chosen] / np.linalg.norm(x[chosen], axis=1, keepdims=True)
    assert len(chosen) > 10
    assert (np.abs(unit @ unit.T) - np.eye(len(unit))).max() < SAME_DIRECTION


def test_a_group_that_the_evidence_has_given_up_is_looked_at_all_the_same(chance):
    x = chance.normal(size=(500, K))
    precision = np.array([4096.0] * (K - 1) + [0.5])  # nothing but the last feature seems to matter
    sure = Belief(np.zeros(K), np.diag(1 / precision), precision, np.array([0] * (K - 1) + [1]))
    wide = sure.open_minded(x)
    share_of_margin = np.einsum("nk,kl,nl->n", x[:, :-1], wide[:-1, :-1], x[:, :-1]).mean()
    assert share_of_margin == pytest.approx(1.0)
    assert wide[-1, -1] == pytest.approx(2.0)  # wide enough: left as it was
    np.testing.assert_array_equal(sure.precision_K, precision)


def test_one_prompt_does_not_fill_a_batch(chance, belief):
    x = chance.normal(size=(400, K))
    x[:100] *= 10
    order = order_of("d_optimal", x, belief, prompt_ids=[0] * 100 + list(range(1, 301)), batch=30)
    chosen = order.rows[~np.isnan(order.score_N[order.rows])]
    assert (chosen < 100).sum() == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_every_item_has_a_place_of_its_own_and_the_batch_stands_first_in_its_arm(policy, chance, belief):
    x = chance.normal(size=(300, K))
    order = order_of(policy, x, belief)
    assert len(set(order.priority_N)) == 300
    assert ((order.priority_N > 0) & (order.priority_N < 1)).all()
    assert ((order.propensity_N > 0) & (order.propensity_N <= 1)).all()
    active = [row for row in order.rows if order.policy_N[row] == policy]
    chosen = set(np.flatnonzero(~np.isnan(order.score_N)))
    assert set(active[: len(chosen)]) == chosen
    assert len(chosen) == 20


def test_any_first_so_many_items_hold_the_random_arms_share(chance, belief):
    order = order_of("soft4", chance.normal(size=(4000, K)), belief, random_share=0.15)
    is_random = np.array([name == "random" for name in order.policy_N])
    whole = is_random.mean()
    assert whole == pytest.approx(0.15, abs=0.02)
    for count in (40, 100, 400, 2000):
        assert is_random[order.rows[:count]].mean() == pytest.approx(whole, abs=2 / count)


def test_refits_move_no_item_between_the_arms_and_leave_the_random_arm_in_its_order(chance, belief):
    x = chance.normal(size=(500, K))
    first = order_of("soft4", x, belief, seed=1)
    other = dataclasses.replace(belief, weights_K=-belief.weights_K, covariance_K_K=belief.covariance_K_K / 3)
    left = np.flatnonzero(chance.random(500) < 0.7)  # the others were judged meanwhile
    second = order_of("d_optimal", x[left], other, seed=2, item_ids=left.tolist(), prompt_ids=left.tolist())
    assert [first.policy_N[row] == "random" for row in left] == [name == "random" for name in second.policy_N]
    before = [row for row in first.rows if first.policy_N[row] == "random" and row in set(left)]
    after = [int(left[row]) for row in second.rows if second.policy_N[row] == "random"]
    assert before == after


def test_the_lines_of_priorities_are_plain_json(chance, belief):
    order = order_of("soft4", chance.normal(size=(60, K)), belief)
    lines = [json.loads(json.dumps(line, allow_nan=False)) for line in order.lines(range(60))]
    assert [line["item_id"] for line in lines] == list(range(60))
    assert sum(line["score"] is not None for line in lines) == 20
    assert set(lines[0]) == {"item_id", "priority", "policy", "propensity", "score"}


def test_a_larger_random_arm_holds_the_smaller_one():
    small = {item for item in range(2000) if in_random_arm(item, 7, 0.1)}
    assert small <= {item for item in range(2000) if in_random_arm(item, 7, 0.2)}
    assert small != {item for item in range(2000) if in_random_arm(item, 8, 0.1)}


@pytest.mark.parametrize("policy", [*POLICIES, "random"])
def test_before_the_first_head_all_are_random(policy, chance):
    order = order_of(policy, chance.normal(size=(50, K)), None)
    assert set(order.policy_N) == {"random"}
    assert (order.propensity_N == 1).all()
    assert np.isnan(order.score_N).all()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_fewer_items_than_a_batch_are_all_placed(policy, count, chance, belief):
    order = order_of(policy, chance.normal(size=(count, K)), belief)
    assert sorted(order.rows) == list(range(count))


def test_what_cannot_be_ordered_is_refused_with_a_sentence(chance, belief):
    x = chance.normal(size=(10, K))
    with pytest.raises(RecipeError, match="no selection policy 'best'"):
        order_of("best", x, belief)
    with pytest.raises(RecipeError, match="10 to 20 %"):
        order_of("soft4", x, belief, random_share=0.5)
    with pytest.raises(RecipeError, match="its item's id"):
        order_of("soft4", x, belief, item_ids=[1])
    with pytest.raises(RecipeError, match="at least one item"):
        order_of("soft4", x, belief, batch=0)
    x[3, 2] = np.nan
    with pytest.raises(RecipeError, match="not finite"):
        order_of("soft4", x, belief)
