"""Scales of a rating: each step says what it is, with and without a keyboard, and each has a key."""

import json

import pytest
from playwright.sync_api import expect

from labeling import services
from labeling.models import Rating

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
AXES = {
    "ten": ({"low": 1, "high": 10}, "0", 10),
    "eleven": ({"low": 0, "high": 10}, "-", 10),
    "signed": ({"low": -2, "high": 2}, "1", -2),
    "plain": ({"low": 1, "high": 5}, "4", 4),
    "stars": ({"type": "stars"}, "3", 3),
    "anchored": ({"labels": ["Bad", "", "", "", "Good"]}, "2", 2),
}


@pytest.fixture(params=AXES)
def scale(request, project, alice):
    """The design's axis, the key of one of its steps, and the score that this is."""
    axis, key, score = AXES[request.param]
    design = {"kind": "rating", "rating": {"axes": [{"name": "good", "word": "Good"} | axis]}}
    services.update_project(project=project, by=alice, design=design)
    project.refresh_from_db()
    line = {"prompt": "How long?", "responses": [{"text": "Seven minutes."}]}
    services.import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    return key, score


def test_every_step_has_a_key_of_its_own_that_works(open_page, project, bob, scale):
    key, score = scale
    page = open_page(bob, f"/projects/{project.pk}/desk/")
    printed = page.locator(".step kbd").all_inner_texts()
    assert all(len(each) == 1 for each in printed)
    assert len(set(printed)) == len(printed)
    page.keyboard.press(key)
    page.keyboard.press(key)
    expect(page.get_by_role("heading", name="You have judged everything there is")).to_be_visible()
    assert Rating.objects.get().scores == {"good": score}


def test_every_step_says_what_it_is_also_where_there_are_no_keys(open_page, project, bob, scale):
    page = open_page(bob, f"/projects/{project.pk}/desk/", **PHONE)
    page.locator(".step").first.wait_for()
    told = [text.strip() for text in page.locator(".step").all_inner_texts()]
    assert all(told)
    assert len(set(told)) == len(told)
