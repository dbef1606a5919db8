"""The annotator's desk, driven as annotators do."""

import json
import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from labeling import services
from labeling.models import Assignment, Comparison
from tests.browser.conftest import add_items


@pytest.fixture
def desk(open_page, bob, items) -> Page:
    return open_page(bob, f"/projects/{items.pk}/desk/")


def shown(page: Page) -> str:
    """The item on the card."""
    return page.locator("#card").get_attribute("data-item") or ""


def wait_for_another(page: Page, item: str) -> None:
    """The next card is there, and the server has answered for the last one."""
    expect(page.locator(f"#card:not([data-item='{item}'])")).to_be_visible()
    expect(page.locator("[data-status]")).to_contain_text(re.compile("Stored|Skipped|Taken back|extra"), timeout=20_000)


def test_a_key_selects_and_the_same_key_sends(desk, bob):
    first = shown(desk)
    desk.keyboard.press("2")
    expect(desk.get_by_role("radio", name="A is clearly better")).to_be_checked()
    assert not Comparison.objects.exists()
    desk.keyboard.press("2")
    wait_for_another(desk, first)
    stored = Comparison.objects.get()
    assert (stored.choice, stored.strength, stored.annotator) == ("a", 2, bob.user)
    on_the_left = stored.assignment.item.item_responses.get(position=stored.assignment.shown_order[0])
    assert stored.response_a == on_the_left.response
    assert stored.active_ms is not None


def test_enter_sends_what_is_chosen_and_nothing_before_a_choice(desk):
    first = shown(desk)
    desk.keyboard.press("Enter")
    desk.keyboard.press("0")
    desk.keyboard.press("Enter")
    wait_for_another(desk, first)
    assert Comparison.objects.get().choice == "both_bad"


def test_enter_in_a_verdict_that_was_chosen_with_the_pointer_sends_it_and_takes_nothing_back(desk):
    first = shown(desk)
    desk.locator("label.verdict-b2").dblclick()
    wait_for_another(desk, first)
    second = shown(desk)
    desk.locator("label.verdict-a2").click()
    desk.keyboard.press("Enter")
    wait_for_another(desk, second)
    assert list(Comparison.objects.standing().order_by("pk").values_list("choice", flat=True)) == ["b", "a"]
    third = shown(desk)
    desk.get_by_role("radio", name="A is much better").focus()
    desk.keyboard.press("Enter")
    desk.wait_for_timeout(300)
    assert shown(desk) == third
    assert Comparison.objects.standing().count() == 2


def test_one_press_mode_sends_at_once_and_is_remembered(desk):
    desk.keyboard.press("?")
    desk.get_by_label("One press sends").check()
    desk.get_by_role("button", name="Close").click()
    for sent in (1, 2):
        first = shown(desk)
        desk.keyboard.press("4")
        wait_for_another(desk, first)
        assert Comparison.objects.filter(choice="tie").count() == sent
        desk.reload()


def test_undo_brings_the_item_back_with_what_was_said(desk):
    first = shown(desk)
    desk.keyboard.press("7")
    desk.keyboard.press("7")
    wait_for_another(desk, first)
    desk.keyboard.press("u")
    expect(desk.locator(f"#card[data-item='{first}']")).to_be_visible()
    expect(desk.get_by_role("radio", name="B is much better")).to_be_checked()
    expect(desk.locator("[data-status]")).to_have_text("Taken back. Judge it again.")
    assert not Comparison.objects.standing().exists()
    desk.keyboard.press("1")
    desk.keyboard.press("Enter")
    wait_for_another(desk, first)
    assert Comparison.objects.standing().get().choice == "a"


def test_skip_gives_the_item_to_somebody_else(desk):
    first = shown(desk)
    desk.keyboard.press("s")
    expect(desk.get_by_role("heading", name="Why skip it?")).to_be_visible()
    desk.keyboard.press("2")
    wait_for_another(desk, first)
    expect(desk.locator("[data-status]")).to_contain_text("Skipped")
    expect(desk.locator("input[type=radio]:checked")).to_have_count(0)  # the key of the reason is no verdict
    skipped = Assignment.objects.get(pk=first)
    assert (skipped.state, skipped.skip_reason) == (Assignment.State.SKIPPED, "unclear")
    assert not Comparison.objects.exists()


def test_a_double_click_on_send_stores_one_judgement(desk):
    first = shown(desk)
    desk.keyboard.press("3")
    desk.locator("[data-send]").dblclick()
    wait_for_another(desk, first)
    assert Comparison.objects.count() == 1


def test_a_double_click_on_a_verdict_selects_and_sends_it_once(desk):
    first = shown(desk)
    desk.locator("label.verdict-b2").dblclick()
    wait_for_another(desk, first)
    assert Comparison.objects.get().choice == "b"


def test_keys_do_nothing_while_typing_or_with_a_modifier(desk):
    first = shown(desk)
    desk.keyboard.press("r")
    desk.locator("#reason").press_sequentially("1 is 1, u see; skip? 22")
    desk.keyboard.press("Escape")
    desk.keyboard.press("Control+1")
    assert shown(desk) == first
    assert desk.locator("input[name=verdict]:checked").count() == 0
    assert desk.locator("dialog[open]").count() == 0


def test_a_draft_is_saved_by_itself_and_is_there_after_a_reload(desk):
    desk.keyboard.press("r")
    desk.locator("#reason").fill("Both answer, A sooner")
    desk.locator("label.verdict-a1").click()
    expect(desk.locator("[data-status]")).to_have_text("Draft saved")
    desk.reload()
    expect(desk.locator("#reason")).to_have_value("Both answer, A sooner")
    expect(desk.get_by_role("radio", name="A is slightly better")).to_be_checked()


def test_an_answer_that_got_lost_does_not_store_the_verdict_twice(desk):
    first = shown(desk)
    desk.route("**/judgement/", lambda route: (route.fetch(), route.abort()), times=1)
    desk.keyboard.press("5")
    desk.keyboard.press("5")
    expect(desk.locator("[data-unsent]")).to_contain_text("Not sent yet")
    assert Comparison.objects.count() == 1
    expect(desk.locator("[data-unsent]")).to_be_hidden(timeout=20_000)
    wait_for_another(desk, first)
    assert Comparison.objects.count() == 1


def test_a_verdict_left_behind_by_a_closed_page_is_sent_by_the_next_one(desk, bob, items):
    first = shown(desk)
    desk.context.set_offline(True)
    desk.keyboard.press("1")
    desk.keyboard.press("1")
    expect(desk.locator("[data-unsent]")).to_contain_text("Not sent yet")
    page = desk.context.new_page()
    desk.close()
    page.context.set_offline(False)
    page.goto(f"/projects/{items.pk}/desk/")
    expect(page.locator(f"#card:not([data-item='{first}'])")).to_be_visible()
    for _ in range(100):
        if Comparison.objects.exists():
            break
        page.wait_for_timeout(50)
    assert str(Comparison.objects.get().assignment_id) == first


def test_signed_out_meanwhile_the_verdict_is_kept_until_signed_in_again(desk, bob, live_server, client):
    first = shown(desk)
    cookies = desk.context.cookies()
    desk.context.clear_cookies(name="sessionid")
    desk.keyboard.press("2")
    desk.keyboard.press("2")
    expect(desk.locator("[data-unsent]")).to_contain_text("signed out")
    desk.context.add_cookies(cookies)
    wait_for_another(desk, first)
    assert Comparison.objects.count() == 1


def test_after_the_lease_ran_out_the_verdict_is_stored_all_the_same(desk):
    first = shown(desk)
    services.release(assignment=Assignment.objects.get(pk=first), by=_member(first))
    desk.keyboard.press("2")
    desk.keyboard.press("2")
    wait_for_another(desk, first)
    assert Comparison.objects.get().assignment_id == int(first)


def test_when_the_time_ran_out_and_others_took_the_item_the_page_says_so_and_the_verdict_is_kept(desk, items, alice):
    first = shown(desk)
    services.release(assignment=Assignment.objects.get(pk=first), by=_member(first))
    while assignment := services.lease_next(project=items, by=alice):
        services.submit_comparison(assignment=assignment, by=alice, client_id=uuid4(), choice="tie")
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(desk.locator("[data-status]")).to_contain_text("This item is no longer kept for you")
    desk.keyboard.press("2")
    desk.keyboard.press("2")
    expect(desk.locator("[data-status]")).to_contain_text("Stored as an extra")
    assert Comparison.objects.get(assignment=first).is_surplus


def test_a_server_that_fails_is_tried_again(desk):
    first = shown(desk)
    desk.route("**/judgement/", lambda route: route.fulfill(status=502, body="Bad gateway"), times=1)
    desk.keyboard.press("2")
    desk.keyboard.press("2")
    expect(desk.locator("[data-unsent]")).to_contain_text("Not sent yet")
    wait_for_another(desk, first)
    assert Comparison.objects.count() == 1


def _member(assignment_id: str):
    return Assignment.objects.get(pk=assignment_id).annotator.memberships.get()


def test_when_everything_is_judged_the_page_says_so_and_shows_the_next_item_by_itself(desk, items, alice):
    for _ in range(3):
        item = shown(desk)
        desk.keyboard.press("4")
        desk.keyboard.press("4")
        wait_for_another(desk, item)
    expect(desk.get_by_role("heading", name="You have judged everything there is")).to_be_visible()
    add_items(items, alice, 1, start=50)
    expect(desk.get_by_text("How do I cook egg 50?")).to_be_visible(timeout=15_000)


def test_the_desk_works_without_a_script(open_page, bob, items):
    page = open_page(bob, f"/projects/{items.pk}/desk/", java_script_enabled=False)
    first = shown(page)
    page.get_by_role("radio", name="A is much better").check(force=True)
    page.locator("[data-send]").click()
    assert shown(page) != first
    assert Comparison.objects.get().strength == 3
    page.locator("[data-undo]").click()
    assert shown(page) == first
    page.locator("[data-skip]").click()
    assert shown(page) != first


PAYLOADS = [
    "<script>window.owned = 1</script>", "<img src=x onerror='window.owned = 1'>", "<svg onload=window.owned=1>",
    "[click](javascript:window.owned=1)", "<details open ontoggle=window.owned=1>x</details>",
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>", "![x](https://outside.invalid/pixel.png)",
    "<form action=/sign-out/ method=post><button>click</button></form>", "<style>body{display:none}</style>",
]  # fmt: skip


def test_what_an_answer_says_does_not_run_and_asks_no_other_host(open_page, bob, project, alice):
    add_items(project, alice, 1, first="\n\n".join(PAYLOADS), second="{{ 7|add:7 }} {% csrf_token %}")
    asked: list[str] = []
    page = open_page(bob, "/account/")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/projects/{project.pk}/desk/")
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None
    assert page.locator(".answer a[href^='javascript']").count() == 0
    assert page.locator(".answer :is(img, script, iframe, svg, form, style)").count() == 0
    expect(page.locator(".answer", has_text="{{ 7|add:7 }}")).to_be_visible()
    assert [url for url in asked if not url.startswith(page.url.split("/projects")[0])] == []


def test_nothing_on_the_desk_names_a_model(desk):
    html = desk.content()
    assert not re.search("gpt-secret|model_name|version_id|metadata", html)
    assert "gpt-secret-9" in json.dumps(
        list(Assignment.objects.get(pk=shown(desk)).item.responses.values("model_name"))
    )


def test_the_next_card_slides_in_shortly_and_not_with_reduced_motion(open_page, bob, items):
    for motion, seconds in (("no-preference", 0.14), ("reduce", 0)):
        page = open_page(bob, f"/projects/{items.pk}/desk/", reduced_motion=motion)
        first = shown(page)
        page.keyboard.press("s")
        page.keyboard.press("1")
        wait_for_another(page, first)
        style = page.locator("#card").evaluate(
            "e => [getComputedStyle(e).animationName, getComputedStyle(e).animationDuration]"
        )
        assert style == (["arrive", f"{seconds}s"] if seconds else ["none", style[1]])
