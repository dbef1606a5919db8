"""The desk on a phone: what is read has the screen, not the buttons, and every word fits onto its button."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from labeling import services

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
SCALES = {
    "plain": {"strengths": 3, "tie": True, "both_bad": True},
    "full": {"strengths": 3, "tie": True, "both_bad": True, "both_good": True},
    "axes": {"strengths": 2, "both_bad": True, "both_good": True, "axes": [{"name": "kind", "word": "Kind"}]},
    "bare": {"strengths": 1, "tie": False, "both_bad": False},
}
WRONG = (Path(__file__).parent / "bar_checks.js").read_text()


@pytest.mark.parametrize("scale", SCALES)
def test_the_verdict_bar_takes_a_fifth_of_a_phone_at_most(open_page, items, alice, bob, scale):
    services.update_project(project=items, by=alice, design={"comparison": SCALES[scale]})
    page = open_page(bob, f"/projects/{items.pk}/desk/", **PHONE)
    page.locator(".verdict").first.wait_for()
    assert page.evaluate("document.querySelector('.verdict-bar').offsetHeight / innerHeight") < 0.2
    assert page.evaluate(WRONG) == []
    # Without touch, in a narrow window, each button also has its key printed on it.
    window = open_page(bob, f"/projects/{items.pk}/desk/", viewport={"width": 380, "height": 740})
    window.locator(".verdict kbd").first.wait_for()
    assert window.evaluate(WRONG) == []


@pytest.mark.parametrize("scale", SCALES)
def test_buttons_are_of_one_height_on_a_wide_screen(open_page, items, alice, bob, scale):
    services.update_project(project=items, by=alice, design={"comparison": SCALES[scale]})
    page = open_page(bob, f"/projects/{items.pk}/desk/", viewport={"width": 1280, "height": 800})
    page.locator(".verdict").first.wait_for()
    heights = "[...document.querySelectorAll('.verdict-bar .verdict')].map((each) => Math.round(each.offsetHeight))"
    assert len(set(page.evaluate(heights))) == 1
    assert page.evaluate(WRONG) == []


def test_the_question_in_hand_is_told_apart_also_in_the_bar(open_page, items, alice, bob):
    """With axes a key answers the overall verdict first: the bar shows that it is asked."""
    services.update_project(project=items, by=alice, design={"comparison": SCALES["axes"]})
    page = open_page(bob, f"/projects/{items.pk}/desk/")
    shadow = "getComputedStyle(document.querySelector('.verdicts .verdict')).boxShadow"
    page.locator(".verdicts[data-current]").wait_for()
    assert page.evaluate(shadow) != "none"
    page.keyboard.press("1")
    page.locator(".axis[data-current]").wait_for()
    assert page.evaluate(shadow) == "none"


def test_the_queue_of_a_manager_fits_a_phone_with_who_has_what(open_page, items, alice, bob):
    held = services.lease_next(project=items, by=bob)
    page = open_page(alice, f"/projects/{items.pk}/items/", **PHONE)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(held.item_id), exact=True))
    expect(row).to_contain_text("Bob has it since")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # A card of a row is still a row of a table to who hears it.
    assert page.get_by_role("columnheader", name="Priority").count() == 1
    assert row.get_by_role("cell").count() == 6
