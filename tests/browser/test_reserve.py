"""The two items behind the one on the screen: leases of their own, for work without a server, and given back."""

from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from labeling import services
from labeling.models import Assignment, Comparison
from tests.browser.conftest import add_items
from tests.browser.test_desk import shown, wait_for_another


@pytest.fixture
def desk(open_page, bob, items) -> Page:
    return open_page(bob, f"/projects/{items.pk}/desk/")


def test_verdicts_given_offline_are_kept_and_sent_once_when_the_server_is_back(desk):
    reserve_is_there(desk)
    desk.context.set_offline(True)
    given = {}
    for key, choice, kept in (("6", "b", "Your verdict is kept"), ("1", "a", "2 verdicts are kept")):
        item = shown(desk)
        given[int(item)] = choice
        desk.keyboard.press(key)
        desk.keyboard.press(key)
        # The next item was in reserve: work goes on.
        expect(desk.locator(f"#card:not([data-item='{item}'])")).to_be_visible()
        expect(desk.locator("[data-unsent]")).to_contain_text(kept)
        expect(desk.locator("[data-unsent]")).not_to_contain_text("No further item")
        expect(desk.locator("[data-status]")).not_to_contain_text("Stored")
    third = shown(desk)
    given[int(third)] = "tie"
    desk.keyboard.press("4")
    desk.keyboard.press("4")
    expect(desk.locator("[data-unsent]")).to_contain_text("3 verdicts are kept in this browser")
    # There is nothing in reserve any more, and the page says so: what was said stays on the screen.
    expect(desk.locator("[data-unsent]")).to_contain_text("No further item is in reserve")
    expect(desk.get_by_role("radio", name="About equal")).to_be_checked()
    assert len(given) == 3
    assert not Comparison.objects.exists()
    desk.context.set_offline(False)
    wait_for_another(desk, third)
    expect(desk.locator("[data-unsent]")).to_be_hidden()
    assert dict(Comparison.objects.values_list("assignment_id", "choice")) == given
    assert desk.evaluate("Object.keys(localStorage).filter(k => k.startsWith('accord.unsent')).length") == 0


def test_what_was_given_offline_brings_as_many_new_items_into_reserve(desk, items, alice):
    add_items(items, alice, 4, start=20)
    reserve_is_there(desk)
    desk.context.set_offline(True)
    for _ in range(2):
        item = shown(desk)
        desk.keyboard.press("4")
        desk.keyboard.press("4")
        expect(desk.locator(f"#card:not([data-item='{item}'])")).to_be_visible()
    third = shown(desk)
    desk.context.set_offline(False)
    expect(desk.locator("[data-unsent]")).to_be_hidden(timeout=20_000)
    reserve_is_there(desk)
    assert shown(desk) == third, "what is being read stays"
    assert Comparison.objects.count() == 2
    held = Assignment.objects.filter(state="leased")
    assert held.count() == 3
    assert Assignment.objects.count() == 5, "no item was leased twice or for nothing"


def reserve_is_there(page: Page, number: int = 2) -> None:
    """The next items have leases of their own already."""
    expect(page.locator("#card")).to_be_visible()
    for _ in range(100):
        if Assignment.objects.filter(shown_at=None, state="leased").count() == number:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(150)


def test_the_next_items_are_in_reserve_and_given_back_when_the_page_is_left(desk, items):
    reserve_is_there(desk)
    first, second = Assignment.objects.filter(shown_at=None).order_by("leased_at")
    assert shown(desk) not in (str(first.pk), str(second.pk))
    desk.keyboard.press("2")
    desk.keyboard.press("2")
    expect(desk.locator(f"#card[data-item='{first.pk}']")).to_be_visible()
    wait_for_another(desk, "")
    first.refresh_from_db()
    assert first.shown_at is not None
    reserve_is_there(desk, 1)
    desk.goto(f"/projects/{items.pk}/")
    for _ in range(100):
        second.refresh_from_db()
        if second.state == "expired":
            break
        desk.wait_for_timeout(50)
    assert (second.state, second.slot) == ("expired", None)
    first.refresh_from_db()
    assert first.state == "leased", "what was on the screen is there after a reload"


def test_the_second_in_reserve_goes_to_whoever_has_nothing_else_and_is_not_shown_then(desk, items, alice):
    reserve_is_there(desk)
    second = Assignment.objects.filter(shown_at=None).order_by("leased_at")[1]
    Assignment.objects.filter(pk=second.pk).update(expires_at=F("expires_at") - timedelta(seconds=61))
    assert services.lease_next(project=items, by=alice).item_id == second.item_id
    first = shown(desk)
    # As when a minute has passed.
    desk.evaluate("() => { const now = performance.now.bind(performance); performance.now = () => now() + 61000; }")
    desk.keyboard.press("4")
    desk.keyboard.press("4")
    wait_for_another(desk, first)
    last = shown(desk)
    desk.wait_for_timeout(300)
    desk.keyboard.press("4")
    desk.keyboard.press("4")
    wait_for_another(desk, last)
    expect(desk.get_by_role("heading", name="You have judged everything there is")).to_be_visible()
    assert Comparison.objects.filter(is_surplus=False).count() == 2


def test_an_item_that_comes_into_reserve_while_its_verdict_is_under_way_is_shown_once(open_page, bob, items, alice):
    add_items(items, alice, 3, start=60)
    page = open_page(bob, "/projects/")
    # The reserve arrives late: after the verdict was sent, before its answer.
    page.route("**/desk/next/", lambda route: (page.wait_for_timeout(400), route.continue_()))
    page.route("**/judgement/", lambda route: (page.wait_for_timeout(900), route.continue_()))
    page.goto(f"/projects/{items.pk}/desk/")
    seen = []
    for _ in range(4):
        item = shown(page)
        seen.append(item)
        page.keyboard.press("4")
        page.keyboard.press("4")
        expect(page.locator(f"#card:not([data-item='{item}'])")).to_be_visible()
    assert len(set(seen)) == 4
    expect(page.locator("[data-unsent]")).to_be_hidden()
    for _ in range(100):
        if Comparison.objects.count() == 4:
            break
        page.wait_for_timeout(50)
    page.unroute_all(behavior="ignoreErrors")
    assert Comparison.objects.count() == 4
