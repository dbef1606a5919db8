"""Policies that follow the reward model: by its column where it is written, at random and saying so before that."""

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import Invalid
from labeling.models import ACTIVE_POLICIES, Item, Project
from labeling.selection import Candidate, Policy, active_policies, by_score, policies
from labeling.services import freeze_snapshot, make_item, make_items
from tests.labeling.conftest import judge_next
from tests.labeling.test_kinds import read_rows
from training.recipes.selection import POLICIES as RULES
from training.recipes.vote_rows import chosen_by

ROOT = Path(__file__).parents[2]


def candidates(*scores):
    return [Candidate((2 * n, 2 * n + 1), (10, 20), score) for n, score in enumerate(scores)]


def test_both_sides_of_the_wall_have_the_same_policies():
    assert set(RULES) == active_policies() == ACTIVE_POLICIES <= set(policies())


def test_a_policy_is_named_in_its_file_and_where_its_rule_is_and_nowhere_else():
    """The recipe also knows those of snapshots that did not say what was chosen by a reward model."""
    expected = {"training/recipes/selection.py", "training/recipes/vote_rows.py"}
    named = re.compile("|".join(f"[\"']{name}[\"']" for name in ACTIVE_POLICIES))
    for package in ("accounts", "config", "labeling", "models_registry", "serving", "training"):
        for path in (ROOT / package).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            if named.search(path.read_text()) and not place.startswith(("labeling/selection/", "labeling/migrations/")):
                assert place in expected


def test_a_file_is_a_policy(tmp_path):
    (tmp_path / "newest_idea.py").write_text(
        "from labeling.selection import Policy, by_score\n"
        "POLICY = Policy('newest_idea', 'New', 'It is.', by_score, follows_model=True)\n"
    )
    program = f"""
import labeling.selection
labeling.selection.__path__.append({str(tmp_path)!r})
import django
django.setup()
from labeling.chosen_by import DRAWN_AT_RANDOM
from labeling.models import ACTIVE_POLICIES
from labeling.project_forms import _policies
from labeling.services.priority_file import POLICIES
assert "newest_idea" in ACTIVE_POLICIES & POLICIES
assert "newest_idea" in dict(_policies())
assert "newest_idea" not in DRAWN_AT_RANDOM
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_policy_whose_name_no_statement_could_hold_is_refused():
    with pytest.raises(ValueError, match="small letters"):
        Policy("it's", "", "", by_score)


@pytest.mark.django_db
def test_the_database_takes_a_new_policy_and_refuses_what_is_no_name(project, add_pairs):
    add_pairs(1)
    Item.objects.update(policy="newest_idea")
    for name in ("", "No such", "a'b", "1st"):
        with pytest.raises(IntegrityError, match="item_policy_is_a_name"), transaction.atomic():
            Item.objects.update(policy=name)


@pytest.mark.django_db
def test_an_item_of_no_known_policy_is_refused(project, add_pairs):
    add_pairs(1)
    prompt = project.prompts.get()
    with pytest.raises(Invalid, match="no selection policy 'newest_idea'"):
        make_item(project=project, prompt=prompt, responses=list(prompt.responses.all()), policy="newest_idea")


@pytest.mark.django_db
def test_a_snapshot_says_by_what_each_item_was_chosen(project, bob, add_pairs):
    by = {
        "random": "chance", "in_order": "chance", "fewest_judgements": "chance", "length_balanced": "chance",
        "feedback": "person", "manager": "person", "its_file_is_gone": "active_policy",
    } | dict.fromkeys(ACTIVE_POLICIES, "active_policy")  # fmt: skip
    add_pairs(len(by))
    while judge_next(project, bob):
        pass
    for item, policy in zip(Item.objects.order_by("pk"), by, strict=True):
        Item.objects.filter(pk=item.pk).update(policy=policy)
    rows = read_rows(freeze_snapshot(project=project, by=None))
    assert {row["policy"]: row["chosen_by"] for row in rows} == by
    assert all(chosen_by({"policy": row["policy"]}) == row["chosen_by"] for row in rows if "gone" not in row["policy"])


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
