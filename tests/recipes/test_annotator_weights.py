"""Who is heard less, and how seldom somebody who does not deserve it."""

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


def _ordered(phi, votes):
    return phi, GROUPS, votes
