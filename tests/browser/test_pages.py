"""Every page, as a person meets it: named, ordered, readable in both themes, and no wider than a telephone."""

import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.permissions import Role
from labeling import services
from labeling.models import Prompt
from tests.browser.conftest import add_items
from tests.cast import PASSWORD, make_member

CHECKS = (Path(__file__).parent / "checks.js").read_text()
WAYS = {
    "wide and light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "narrow and dark": {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
}


@pytest.fixture
def busy(items, alice, bob):
    """A project with judgements of two people and a snapshot."""
    services.update_project(project=items, by=alice, overlap=2)
    items.refresh_from_db()
    add_items(items, alice, 4, start=10, first="A `long` answer\n\n```python\n" + "x = 1  # " + "word " * 60 + "\n```")
    for member in (alice, bob):
        while assignment := services.lease_next(project=items, by=member):
            choice = "a" if assignment.pk % 3 else "tie"
            strength = 2 if choice == "a" else None
            services.submit_comparison(
                assignment=assignment, by=member, client_id=uuid.uuid4(), choice=choice, strength=strength
            )
    services.freeze_snapshot(project=items, by=alice)
    add_items(items, alice, 1, start=30)
    return items


@pytest.mark.parametrize("way", WAYS)
def test_every_page_is_named_ordered_readable_and_narrow_enough(open_page, busy, alice, way):
    project = f"/projects/{busy.pk}/"
    prompt = Prompt.objects.filter(project=busy).first()
    snapshot = busy.snapshots.get()
    page = open_page(alice, "/projects/", **WAYS[way])
    for path in (
        "/projects/", "/projects/new/", "/account/", "/members/", "/audit/", "/nothing-here/",
        project, f"{project}edit/", f"{project}import/", f"{project}prompts/", f"{project}prompts/{prompt.pk}/",
        f"{project}items/", f"{project}items/?state=done", f"{project}snapshots/",
        f"{project}snapshots/{snapshot.pk}/", f"{project}agreement/", f"{project}desk/",
    ):  # fmt: skip
        page.goto(path, wait_until="networkidle" if path in (project, f"{project}snapshots/{snapshot.pk}/") else "load")
        assert page.evaluate(CHECKS) == [], path


@pytest.mark.parametrize("way", WAYS)
def test_signing_in_and_refusals_are_readable_too(open_page, alice, way):
    page = open_page(None, "/sign-in/", **WAYS[way])
    assert page.evaluate(CHECKS) == []
    page.get_by_label("E-mail").fill(alice.user.email)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    assert page.evaluate(CHECKS) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Start with a project")


def test_focus_is_always_visible_in_reading_order_from_the_skip_link_on(open_page, items, alice):
    page = open_page(alice, f"/projects/{items.pk}/desk/")
    order = []
    for _ in range(30):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """() => {
                const at = document.activeElement, shown = at.closest('.verdict') || at;
                const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
                const text = (at.getAttribute('aria-label') || at.textContent).trim().slice(0, 30);
                return {text, outline: style.outlineStyle, width: style.outlineWidth, body: at === document.body,
                        inside: box.bottom > 0 && box.top < innerHeight};
            }"""
        )
        if where["body"]:
            break
        assert where["inside"], where
        assert (where["outline"], where["width"]) == ("solid", "2px"), where
        order.append(where["text"])
    assert order[0] == "Skip to the content"
    assert order.index("Accord") < order.index("Overview")
    assert any(text.startswith("Send") for text in order)


def test_at_double_zoom_the_desk_still_shows_what_is_judged(open_page, items, bob):
    page = open_page(bob, f"/projects/{items.pk}/desk/", viewport={"width": 640, "height": 400})
    assert page.evaluate(CHECKS) == []
    page.locator(".answer").first.scroll_into_view_if_needed()
    covered = page.evaluate(
        """() => { const box = document.querySelector('.answer').getBoundingClientRect();
                   return !!document.elementFromPoint(box.x + 30, box.y + 20)?.closest('.verdict-bar'); }"""
    )
    assert not covered


def test_the_theme_follows_the_system_until_it_is_chosen_and_is_remembered(open_page, alice):
    page = open_page(alice, "/projects/", color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    toggle = page.locator("[data-theme-toggle]")
    toggle.click()
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert light != dark
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == light
    expect(toggle).to_have_attribute("aria-label", "Colours: light. Change to dark.")


def test_a_form_pressed_twice_is_sent_once(open_page, alice):
    page = open_page(alice, "/projects/new/helpfulness/")
    page.get_by_label("Name").fill("Recipes")
    page.get_by_role("button", name="Set up the project").dblclick()
    page.wait_for_url("**/import/")
    assert alice.organisation.projects.count() == 1


def test_a_viewer_meets_no_button_that_would_be_refused(open_page, busy, alice):
    vera = make_member(alice.organisation, "vera@example.org", Role.VIEWER)
    page = open_page(vera, f"/projects/{busy.pk}/")
    page.wait_for_load_state("networkidle")
    for word in ("Judge", "Import", "Settings", "Members", "Start training", "Freeze", "Export"):
        assert page.get_by_role("link", name=word).count() + page.get_by_role("button", name=word).count() == 0, word


def test_a_part_of_a_page_that_meets_the_sign_in_page_says_so_and_keeps_the_page(open_page, items, alice):
    page = open_page(alice, f"/projects/{items.pk}/")
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    page.evaluate(f"htmx.ajax('GET', '/projects/{items.pk}/agreement/', {{target: 'main section'}})")
    expect(page.locator("#messages")).to_contain_text("You are signed out.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Answers")
    assert page.locator("input[type=password]").count() == 0
