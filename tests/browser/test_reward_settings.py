"""The reward model's pages for managers: what it is taught, and when its body is trained."""

import os

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from accounts.permissions import Role
from labeling.models import AnnotatorWeight, Project
from labeling.services import update_project
from tests.browser.test_pages import CHECKS, WAYS
from tests.cast import make_member
from training.models import TrainingRun

# A directory to take pictures into, for whoever wants to look.
SHOTS = os.environ.get("ACCORD_SHOTS")
AXES = [{"name": name, "word": f"Which is more {name}?"} for name in ("helpful", "honest")]


@pytest.fixture
def taught(items, alice) -> Project:
    """With axes, and a body that has won its trial."""
    gain = {
        "metric": "trained_body_over_fast_path", "value": 0.018, "low": 0.002, "high": 0.034, "n": 212,
        "detail": {"trained_body": 0.708, "fast_path": 0.69},
    }  # fmt: skip
    TrainingRun.objects.create(
        organisation=items.organisation, project=items, recipe="reward_model", config={"method": "lora"},
        status="succeeded", result={"method": "lora", "evaluations": [gain]}, finished_at=now(), why="1,000 new",
    )  # fmt: skip
    for number, weight in enumerate((1.0, 1.0, 0.31)):
        member = make_member(alice.organisation, f"annotator{number}@example.org", Role.ANNOTATOR)
        AnnotatorWeight.objects.create(
            project=items, annotator=member.user, weight=weight, no_better_than_chance=1 - weight, votes=240,
            agreement=0.7 if weight == 1 else 0.51, expected_agreement=0.72, last_judgement_id=1, weighed_at=now(),
        )  # fmt: skip
    return update_project(project=items, by=alice, design={"comparison": {"axes": AXES}})


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_are_readable_in_both_themes_and_on_a_telephone(open_page, taught, alice, way):
    page = open_page(alice, f"/projects/{taught.pk}/runs/", **WAYS[way])
    expect(page.get_by_text("+1.8 points (0.2 to 3.4): it took its place.")).to_be_visible()
    expect(page.get_by_role("button", name="Train the body now")).to_be_disabled()
    for path in ("runs/", "edit/reward/", "edit/", "competence/"):
        page.goto(f"/projects/{taught.pk}/{path}")
        assert page.evaluate(CHECKS) == [], path
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{way[:4]}-{path.replace('/', '-')}.png", full_page=True)


def test_a_manager_weighs_an_axis_and_is_told_when_it_takes_effect(open_page, taught, alice):
    page = open_page(alice, f"/projects/{taught.pk}/edit/")
    page.get_by_role("link", name="Reward model").click()
    page.get_by_label("Which is more honest?").fill("0.5")
    page.get_by_label("Take out of the score").check()
    page.get_by_role("button", name="Change the reward model").click()
    expect(page.get_by_text("It takes effect at the next refit or training")).to_be_visible()
    expect(page.get_by_label("Which is more honest?")).to_have_value("0.5")
    taught.refresh_from_db()
    assert (taught.axis_weights, taught.remove_length) == ({"overall": 1.0, "honest": 0.5}, True)
