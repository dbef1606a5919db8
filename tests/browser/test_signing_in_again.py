"""A session that ended under the annotator, and a real sign-in in another tab: it changes the token of every page."""

from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Membership
from labeling.models import Assignment, Comparison
from tests.cast import PASSWORD

BACK = "document.dispatchEvent(new Event('visibilitychange'))"


def sign_in(context: BrowserContext, member: Membership) -> None:
    """As the person does it, in a tab of its own."""
    tab = context.new_page()
    tab.goto("/sign-in/")
    tab.get_by_label("E-mail").fill(member.user.email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name="Sign out").wait_for()
    tab.close()


def judge(page: Page) -> None:
    page.locator("#card[data-item]").wait_for()
    page.keyboard.press("2")
    page.keyboard.press("2")


def test_a_verdict_is_sent_by_itself_after_a_new_sign_in(open_page, items, bob):
    page = open_page(bob, f"/projects/{items.pk}/desk/")
    page.context.clear_cookies(name="sessionid")
    judge(page)
    expect(page.locator("[data-unsent]")).to_contain_text("sent as soon as you have")
    assert not Comparison.objects.exists()
    sign_in(page.context, bob)
    page.evaluate(BACK)
    expect(page.locator("[data-unsent]")).to_be_hidden()
    assert Comparison.objects.get().annotator == bob.user


def test_a_draft_is_saved_after_a_new_sign_in(open_page, items, bob):
    page = open_page(bob, f"/projects/{items.pk}/desk/")
    page.locator("#card[data-item]").wait_for()
    page.context.clear_cookies(name="sessionid")
    sign_in(page.context, bob)
    page.keyboard.press("r")
    page.keyboard.type("Longer.")
    expect(page.locator("[data-status]")).to_have_text("Draft saved")
    held = page.locator("#card").get_attribute("data-item")
    assert Assignment.objects.get(pk=held).draft["reason"] == "Longer."


def test_what_one_person_said_waits_while_another_is_signed_in(open_page, items, alice, bob):
    page = open_page(bob, f"/projects/{items.pk}/desk/")
    page.locator("#card[data-item]").wait_for()
    page.context.clear_cookies(name="sessionid")
    sign_in(page.context, alice)
    judge(page)
    expect(page.locator("[data-unsent]")).to_contain_text("somebody else is signed in")
    assert not Comparison.objects.exists()
    page.context.clear_cookies(name="sessionid")
    sign_in(page.context, bob)
    page.evaluate(BACK)
    expect(page.locator("[data-unsent]")).to_be_hidden()
    assert Comparison.objects.get().annotator == bob.user


def test_a_reason_of_a_megabyte_is_refused_with_all_that_was_typed(open_page, items, bob):
    page = open_page(bob, f"/projects/{items.pk}/desk/")
    page.locator("#card[data-item]").wait_for()
    page.keyboard.press("r")
    page.locator("#reason").evaluate(
        """field => { field.removeAttribute("maxlength"); field.value = "x".repeat(1_000_000);
                      field.dispatchEvent(new Event("input", { bubbles: true })); }"""
    )
    expect(page.locator("[data-status]")).to_contain_text("too long to keep", timeout=20_000)
    page.keyboard.press("Escape")
    judge(page)
    expect(page.locator("[data-refused]")).to_contain_text("Use at most 20,000 characters.", timeout=20_000)
    assert page.locator("#reason").evaluate("field => field.value.length") == 1_000_000
    assert not Comparison.objects.exists()
