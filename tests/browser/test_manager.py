"""A manager in a real browser: a project from nothing, and a bulk action that is taken back."""

import json

import pytest
from playwright.sync_api import expect

from labeling import services
from labeling.kinds.design import design_of
from labeling.models import Item, ItemMaking, Project, Prompt
from labeling.services import item_making
from tests.browser.conftest import add_items
from tests.browser.test_pages import CHECKS, WAYS

LINES = "\n".join(
    json.dumps({"prompt": f"Is request {n} safe?", "responses": [{"text": "Yes."}, {"text": "I would not say."}]})
    for n in range(2)
)


def test_a_project_is_set_up_from_nothing_by_following_the_buttons(open_page, alice, bob):
    page = open_page(alice, "/projects/")
    page.get_by_role("link", name="Set up a project").click()
    page.get_by_role("link", name="Begin with: Is the answer safe").click()
    page.get_by_label("Name").fill("Safe kitchen")
    page.get_by_label("People per item").fill("2")
    page.get_by_role("button", name="Set up the project").click()
    page.wait_for_url("**/import/")
    expect(page.locator("#messages")).to_contain_text("Safe kitchen is set up.")
    page.get_by_label("paste").fill(LINES)
    page.get_by_role("button", name="Import", exact=True).click()
    project = Project.objects.get()
    page.get_by_text("4 items made").first.wait_for()
    page.goto(f"/projects/{project.pk}/")
    expect(page.locator("#invite-link")).to_contain_text(f"/projects/{project.pk}/desk/")
    annotator = open_page(bob, page.locator("#invite-link").inner_text().strip())
    expect(annotator.get_by_text("How safe is the answer?")).to_be_visible()
    assert design_of(project).kind == "rating"


def test_an_overlap_that_nobody_can_fill_is_said_at_once(open_page, alice):
    page = open_page(alice, "/projects/new/helpfulness/")
    page.get_by_label("Name").fill("Too many")
    page.get_by_label("People per item").fill("9")
    page.get_by_role("button", name="Set up the project").click()
    expect(page.locator("#messages")).to_contain_text("only 1 may judge here")


def test_many_items_are_withdrawn_and_it_is_undone(open_page, items, alice):
    add_items(items, alice, 60, start=100)
    page = open_page(alice, f"/projects/{items.pk}/items/")
    page.get_by_label("With all 63 of this filter").check()
    page.get_by_label("Do this").select_option("withdraw")
    expect(page.get_by_text("Nobody gets it any more")).to_be_visible()
    expect(page.get_by_label("Priority")).to_be_hidden()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#messages")).to_contain_text("Withdraw: 63 items.")
    assert not Item.objects.standing().exists()
    page.get_by_role("button", name="Undo: Withdraw").click()
    expect(page.locator("#messages")).to_contain_text("Undone: 63 items as before.")
    assert Item.objects.open().count() == 63


def test_what_was_chosen_is_still_chosen_after_a_refusal(open_page, items, alice):
    add_items(items, alice, 5, start=100)
    page = open_page(alice, f"/projects/{items.pk}/items/?state=open")
    boxes = page.get_by_role("checkbox", name="Choose item")
    boxes.nth(0).check()
    boxes.nth(3).check()
    page.get_by_label("Do this").select_option("reassign")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#messages")).to_contain_text("Nothing was changed.")
    expect(page.get_by_label("Do this")).to_have_value("reassign")
    expect(page.get_by_label("State")).to_have_value("open")
    assert [box.is_checked() for box in boxes.all()] == [True, False, False, True, False, False, False, False]
    page.get_by_label("Person").last.select_option(label="Alice")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#messages")).to_contain_text("Give to somebody else: 2 items.")
    # Done is done: nothing is chosen any more.
    assert not any(box.is_checked() for box in boxes.all())
    assert "do_" not in page.url


def test_one_chosen_item_is_given_to_somebody_else_on_the_keyboard_alone(open_page, items, alice, bob):
    held = services.lease_next(project=items, by=bob)
    page = open_page(alice, f"/projects/{items.pk}/items/")
    page.get_by_label("State").select_option("leased")
    page.wait_for_url("**state=leased**")
    page.get_by_label(f"Choose item {held.item_id}").focus()
    page.keyboard.press("Space")
    page.get_by_label("Do this").select_option("reassign")
    page.get_by_label("Person").last.select_option(label="Alice")
    page.get_by_role("button", name="Do it").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("Give to somebody else: 1 item.")
    assert Item.objects.get(pk=held.item_id).reserved_for == alice.user


def test_axes_are_added_and_taken_away_on_the_page(open_page, items, alice):
    page = open_page(alice, f"/projects/{items.pk}/edit/asked/")
    page.get_by_role("button", name="Add an axis").first.click()
    page.get_by_label("Word", exact=True).fill("Honest")
    page.get_by_role("button", name="Add an axis").first.click()
    page.get_by_label("Word", exact=True).nth(1).fill("Short")
    page.get_by_role("button", name="Remove the axis Honest").click()
    expect(page.get_by_label("Word", exact=True)).to_have_value("Short")
    page.get_by_role("button", name="Change what is asked").last.click()
    expect(page.locator("#messages")).to_contain_text("What is asked is changed.")
    assert [axis["name"] for axis in design_of(Project.objects.get()).kinds["comparison"]["axes"]] == ["short"]


@pytest.mark.parametrize("way", WAYS)
def test_every_page_of_the_managers_is_named_ordered_readable_and_narrow_enough(open_page, items, alice, bob, way):
    services.submit_comparison(
        assignment=services.lease_next(project=items, by=bob), by=bob, client_id="6f7b1c1e-93b4-4a0e-8f0a-333333333333",
        choice="a", strength=1, reason="Shorter.", flags=["rude"],
    )  # fmt: skip
    held = services.lease_next(project=items, by=bob)
    report = services.report_item(assignment=held, by=bob, note="It is cut off.")
    open_report = services.report_item(assignment=held, by=bob, note="And in English.")
    services.resolve_report(report=report, by=alice, answer="Skip it.")
    services.act_on_items(project=items, by=alice, order=services.Order("withdraw", ids=[held.item_id]))
    project, prompt = f"/projects/{items.pk}/", Prompt.objects.get(items__pk=held.item_id)
    page = open_page(alice, "/projects/", **WAYS[way])
    for path in (
        "/projects/new/", "/projects/new/hhh/", "/projects/new/blank/", project, f"{project}edit/",
        f"{project}edit/asked/", f"{project}items/", f"{project}items/?state=withdrawn", f"{project}items/make/",
        f"{project}items/{held.item_id}/", f"{project}items/{held.item_id}/preview/", f"{project}judgements/",
        f"{project}reports/", f"{project}annotators/", f"{project}prompts/{prompt.pk}/",
    ):  # fmt: skip
        page.goto(path)
        assert page.evaluate(CHECKS) == [], path
    page = open_page(bob, "/projects/", **WAYS[way])
    expect(page.get_by_text("1 of your reports was answered.")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    page.get_by_role("link", name="Your reports").click()
    expect(page.get_by_text("Skip it.")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    assert open_report.resolved_at is None


@pytest.mark.parametrize("width", [1280, 640, 360])
def test_tags_can_be_read_while_they_are_typed(open_page, items, alice, bob, width):
    page = open_page(alice, f"/projects/{items.pk}/annotators/", viewport={"width": width, "height": 600})
    fields = page.locator("main table input:not([type=hidden])")
    assert fields.count()
    assert min(fields.evaluate_all("fields => fields.map((field) => field.offsetWidth)")) >= 120


def test_many_items_are_watched_and_stopped_on_the_keyboard(open_page, items, alice, monkeypatch):
    monkeypatch.setattr(item_making, "REQUEST_SECONDS", 0)
    Item.objects.all().delete()
    page = open_page(alice, f"/projects/{items.pk}/items/make/")
    page.get_by_role("button", name="Make the items").click()
    expect(page.get_by_text("0 of 3 prompts, 0 items made")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    stop = page.get_by_role("button", name="Make no more")
    stop.focus()
    ItemMaking.objects.update(prompts_done=2, made=2)
    expect(page.get_by_role("progressbar", name="Prompts looked at")).to_have_attribute("value", "2")
    expect(stop).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="2 items made")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    assert ItemMaking.objects.get().state == "cancelled"
