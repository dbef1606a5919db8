"""Policies that follow the reward model: by its column where it is written, at random and saying so before that."""

from random import Random

import pytest

from labeling.models import ACTIVE_POLICIES, Item, Project
from labeling.selection import Candidate, policies
from labeling.services import make_items


def candidates(*scores):
    return [Candidate((2 * n, 2 * n + 1), (10, 20), score) for n, score in enumerate(scores)]


def test_every_policy_that_follows_the_reward_model_is_there():
    assert set(policies()) >= ACTIVE_POLICIES


@pytest.mark.parametrize("name", sorted(ACTIVE_POLICIES))
def test_the_highest_score_comes_first(name):
    given = candidates(0.2, 3.0, -1.0, 1.0)
    places = policies()[name].choose(given, 3, Random(0))
    by_priority = sorted(places, key=lambda place: -place.priority)
    assert [place.candidate.score for place in by_priority] == [3.0, 1.0, 0.2]
    assert {place.policy for place in places} == {None}


def test_before_the_first_refit_they_are_random_and_say_so():
    given = candidates(None, None, None, None)
    drawn = [policies()["soft4"].choose(given, 2, Random(seed)) for seed in range(200)]
    assert {(place.policy, place.propensity) for places in drawn for place in places} == {("random", 0.5)}
    taken = [place.candidate.response_ids[0] for places in drawn for place in places]
    assert all(70 < taken.count(2 * n) < 130 for n in range(4))


def test_what_has_no_score_yet_fills_up_what_is_missing():
    places = policies()["d_optimal"].choose(candidates(None, 2.0, None), 2, Random(0))
    assert [(place.policy, place.propensity) for place in places] == [(None, 1.0), ("random", 0.5)]
    assert policies()["d_optimal"].choose(candidates(1.0, 2.0), 5, Random(0))[0].candidate.score == 2.0


@pytest.mark.django_db
def test_items_are_random_until_the_reward_model_has_seen_them(project, alice, add_pairs):
    Project.objects.filter(pk=project.pk).update(selection_policy="soft4")
    project.refresh_from_db()
    add_pairs(20)
    assert set(Item.objects.values_list("policy", flat=True)) == {"random"}
    assert len(set(Item.objects.values_list("priority", flat=True))) == 20
    Item.objects.filter(project=project).delete()
    assert make_items(project=project, by=alice, items_per_prompt=1) == 20
    assert set(Item.objects.values_list("policy", flat=True)) == {"random"}
    assert len(set(Item.objects.values_list("priority", flat=True))) == 20
