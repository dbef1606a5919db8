"""Who is heard less, and how seldom somebody who does not deserve it."""

import dataclasses

import numpy as np
import pytest

from training.recipes.annotator_weights import LEAST_WEIGHT, weigh_annotators
from training.recipes.votes import Votes

GROUPS = np.array([0] * 8 + [1])
WEIGHTS = np.array([1.2, -0.8, 0.6, 0.5, 0.0, 0.4, -0.6, 0.3, 1.0])


def crowd(
    people: int, votes: int, *, random: int = 0, contrary: int = 0, of_first: int | None = None, seed: int = 0
) -> tuple[np.ndarray, Votes]:
    """`votes` each, the first of all `of_first`; the first `random` people toss coins, the next `contrary` say the
    opposite."""
    chance = np.random.default_rng(seed)
    phi = chance.normal(size=(600, 9))
    who = np.repeat(np.arange(people), [of_first or votes, *[votes] * (people - 1)])
    first, second = chance.integers(600, size=(2, len(who)))
    p = 1 / (1 + np.exp(-(phi[first] - phi[second]) @ WEIGHTS))
    p = np.where(who < random, 0.5, np.where(who < random + contrary, 1 - p, p))
    wins = (chance.random(len(who)) < p).astype(float)
    ones, prompt = np.ones(len(who)), [{"role": "user", "content": "?"}]
    return phi, Votes(
        [(prompt, str(n)) for n in range(600)], np.arange(600), first, second, wins, 0 * ones, ones, ones,
        np.zeros(len(who), int), who, [""] * len(who), [""] * len(who), annotators=[f"p{n}" for n in range(people)],
    )  # fmt: skip


FEW_GROUPS = np.array([0, 1])


def few_people(
    competences: list[float], *, votes: int | list[int] = 150, seed: int = 0, pairs: int = 400
) -> tuple[np.ndarray, Votes]:
    """Every pair is judged by two of them, as long as two have votes left. One feature tells which answer is better."""
    chance = np.random.default_rng(seed)
    phi = np.zeros((2 * pairs, 2))
    phi[::2, 0] = better = chance.normal(0, 1.2, pairs)
    phi[:, 1] = chance.normal(0, 0.3, 2 * pairs)
    left = np.full(len(competences), votes)
    rows = []
    for pair in chance.permutation(np.tile(np.arange(pairs), 1 + left.sum() // pairs)):
        for person in chance.permutation(np.flatnonzero(left))[:2]:
            left[person] -= 1
            p = 1 / (1 + np.exp(-2 * competences[person] * better[pair]))
            rows.append((pair, person, chance.random() < p))
    pair, who, wins = np.array(rows).T
    ones, prompt = np.ones(len(who)), [{"role": "user", "content": "?"}]
    return phi, Votes(
        [(prompt, str(n)) for n in range(2 * pairs)], np.arange(2 * pairs) // 2, 2 * pair, 2 * pair + 1,
        wins.astype(float), 0 * ones, ones, ones, np.zeros(len(who), int), who, [""] * len(who), [""] * len(who),
        annotators=[f"p{n}" for n in range(len(competences))],
    )  # fmt: skip


def test_in_an_honest_crowd_everybody_weighs_exactly_1():
    weighed_down = sum((weigh_annotators(*_ordered(*crowd(40, 25, seed=seed))).weights < 1).sum() for seed in range(10))
    # 400 honest people; the stated rate is of those who are weighed down, and nearly nobody is.
    assert weighed_down <= 4


def test_who_tosses_coins_or_says_the_contrary_is_heard_less_and_not_dropped():
    found = weigh_annotators(*_ordered(*crowd(40, 60, random=4, contrary=4)))
    assert (found.weights[4:8] == LEAST_WEIGHT).all()
    assert (found.weights[:4] < 0.6).sum() >= 3
    assert (found.weights[8:] < 1).sum() <= 1
    assert (found.weights > 0).all()
    assert found.competence[4:8].max() < 0 < found.competence[8:].min()


@pytest.mark.parametrize("seed", range(3))
def test_one_person_who_gave_most_of_the_votes_is_not_the_crowd(seed):
    """Two thirds of all votes are one person's, and the contrary of what everybody else says."""
    found = weigh_annotators(*_ordered(*crowd(40, 25, contrary=1, of_first=2000, seed=seed)))
    assert found.weights[0] == LEAST_WEIGHT
    assert found.competence[0] < 0 < found.competence[1:].mean()
    assert (found.weights[1:] < 1).sum() <= 1


def test_one_honest_person_who_gave_most_of_the_votes_is_heard_in_full():
    found = weigh_annotators(*_ordered(*crowd(40, 25, of_first=2000)))
    assert (found.weights == 1).all()


def test_with_three_votes_each_nothing_is_held_against_anybody():
    found = weigh_annotators(*_ordered(*crowd(30, 3, random=3)))
    assert (found.weights == 1).all()


@pytest.mark.parametrize("people", [1, 2, 3])
def test_few_people_are_no_crowd(people):
    found = weigh_annotators(*_ordered(*crowd(people, 40)))
    assert (found.weights == 1).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("good", "random"), [(2, 0), (3, 0), (3, 1)])
def test_a_contrary_one_of_a_few_who_judge_the_same_pairs_is_found(good, random, seed):
    found = weigh_annotators(*_few([1.0] * good + [-1.0] + [0.0] * random, seed=seed))
    assert not found.too_few_to_tell
    assert found.weights[good] == LEAST_WEIGHT
    assert (found.weights[:good] == 1).all()
    assert found.competence[good] < 0 < found.competence[:good].min()
    assert found.competence[good:].max() < found.competence[:good].min()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("honest", [[1.0, 1.0, 1.0], [1.5, 1.0, 1.0, 0.6], [1.0] * 5, [1.0] * 7])
def test_a_few_honest_people_who_judge_the_same_pairs_are_heard_in_full(honest, seed):
    found = weigh_annotators(*_few(honest, seed=seed))
    assert (found.weights == 1).all()
    assert not found.too_few_to_tell
    assert (found.no_better_than_chance < 0.05).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("halves", [[1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
def test_one_half_s_word_against_the_other_s_is_said_to_be_too_few_to_tell(halves, seed):
    found = weigh_annotators(*_few(halves, seed=seed))
    assert found.too_few_to_tell
    assert (found.weights == 1).all()
    assert (found.competence == 1).all()
    assert (found.no_better_than_chance == 0.5).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("votes", [[60, 60, 300], [50, 50, 50, 300]])
def test_a_contrary_one_who_said_more_than_the_good_ones_together_never_stands_above_them(votes, seed):
    found = weigh_annotators(*_few([1.0] * (len(votes) - 1) + [-1.0], votes=votes, seed=seed))
    assert (found.weights[:-1] == 1).all()
    assert found.competence[-1] <= found.competence[:-1].min()
    assert found.too_few_to_tell or found.weights[-1] < 1


def test_many_who_said_next_to_nothing_do_not_hide_a_contrary_one_of_a_few():
    found = weigh_annotators(*_few([1.0] * 4 + [-1.0] + [1.0] * 20, votes=[150] * 5 + [2] * 20))
    assert found.weights[4] == LEAST_WEIGHT
    assert (found.weights[:4] == 1).all()


@pytest.mark.parametrize("seed", range(2))
def test_of_a_few_no_pair_is_judged_by_a_head_that_has_seen_it(seed):
    """They toss coins on pairs that have nothing in common: whoever seems to know read it off the vote itself."""
    phi, votes = few_people([0.0, 0.0, 0.0], votes=40, pairs=60, seed=seed)
    ties = np.arange(len(votes)) % 3 == 0
    tied = dataclasses.replace(votes, tie_P=ties * 1.0, win_P=np.where(ties, 0.0, votes.win_P))
    assert weigh_annotators(np.eye(len(phi)), np.zeros(len(phi), int), tied).too_few_to_tell


def test_nobody_said_anything():
    phi, votes = crowd(3, 5)
    found = weigh_annotators(phi, GROUPS, votes.take([]))
    assert (found.weights == 1).all()
    rows = found.as_rows(votes.annotators)
    assert rows[0] == {
        "annotator": "p0", "weight": 1.0, "competence": 1.0, "no_better_than_chance": 0.0, "votes": 0,
        "agreement": None, "expected_agreement": None,
    }  # fmt: skip


def test_everybody_is_reported_with_what_was_expected_of_them():
    phi, votes = crowd(10, 50)
    rows = weigh_annotators(phi, GROUPS, votes).as_rows(votes.annotators)
    assert [row["annotator"] for row in rows] == votes.annotators
    assert sum(row["agreement"] - row["expected_agreement"] for row in rows) / 10 == pytest.approx(0, abs=0.06)


def _few(competences, **how):
    phi, votes = few_people(competences, **how)
    return phi, FEW_GROUPS, votes


def _ordered(phi, votes):
    return phi, GROUPS, votes
