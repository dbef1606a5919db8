"""Every kind of judgement at the desk, by keys and by pointer, and the parts around them."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from labeling import services
from labeling.models import AnnotatorProfile, Comparison, Correction, Item, Ranking, Rating, Report
from tests.browser.test_desk import shown, wait_for_another
from tests.browser.test_pages import CHECKS, WAYS

TEXTS = ["Boil it for **ten** minutes.", "Ask a cook.", "It depends on the egg.", "Ten minutes, then cold water."]
AXES = [
    {"name": "quality", "word": "How good is it?"},
    {"name": "safe", "word": "Is it safe?", "type": "yes_no", "may_not_apply": True},
    {"name": "facts", "word": "Wrong facts", "type": "number", "low": 0, "high": 9},
]


@pytest.fixture
def open_desk(open_page, bob, alice, project):
    """`open_desk("rating", axes=[…])`: the desk of a project that asks so, with two prompts' items."""

    def visit(kind: str, *, prompts: int = 2, metadata: dict | None = None, **design) -> Page:
        common = {name: design.pop(name) for name in ("reason", "flags") if name in design}
        services.update_project(project=project, by=alice, design={"kind": kind, kind: design} | common)
        project.refresh_from_db()
        lines = [
            {"prompt": f"Egg {n}?", "responses": [{"text": text} for text in TEXTS], "metadata": metadata or {}}
            for n in range(prompts)
        ]
        content = [json.dumps(line).encode() for line in lines]
        services.import_records(project=project, by=alice, lines=content, make_items=False)
        services.make_items(project=project, by=alice, kind=kind)
        return open_page(bob, f"/projects/{project.pk}/desk/")

    return visit


def test_axes_are_answered_one_key_after_the_other(open_desk):
    page = open_desk(
        "comparison", strengths=1, axes=[{"name": "h", "word": "Helpful"}, {"name": "o", "word": "Honest"}]
    )
    first = shown(page)
    for key in ("1", "3", "2"):
        page.keyboard.press(key)
    assert not Comparison.objects.exists()
    page.keyboard.press("Enter")
    wait_for_another(page, first)
    stored = Comparison.objects.get()
    assert (stored.choice, stored.strength) == ("a", None)
    assert stored.axes == {"h": {"choice": "b"}, "o": {"choice": "tie"}}


def test_an_axis_left_open_is_asked_for_and_nothing_is_sent(open_desk):
    page = open_desk("comparison", axes=[{"name": "h", "word": "Helpful"}])
    first = shown(page)
    page.keyboard.press("1")
    page.locator("[data-send]").click()
    page.wait_for_timeout(200)
    assert shown(page) == first
    assert not Comparison.objects.exists()


def test_a_rating_by_keys_with_a_number_and_what_does_not_apply(open_desk):
    page = open_desk("rating", axes=AXES)
    first = shown(page)
    page.keyboard.press("4")
    page.keyboard.press("n")
    page.get_by_label("Wrong facts").fill("2.5")
    page.keyboard.press("Control+Enter")
    wait_for_another(page, first)
    assert Rating.objects.get().scores == {"quality": 4, "safe": None, "facts": 2.5}


def test_a_ranking_starts_without_an_order_and_is_named_best_first(open_desk):
    page = open_desk("ranking")
    first = shown(page)
    assert page.locator("[data-place]").evaluate_all("all => all.map(e => e.value)") == ["", "", "", ""]
    page.keyboard.press("Enter")
    page.wait_for_timeout(150)
    assert shown(page) == first, "an order that nobody gave is not sent"
    for key in ("2", "=", "4", "1", "Backspace", "3", "1"):
        page.keyboard.press(key)
    expect(page.locator("[data-order-list] li")).to_have_text(["B = D", "C", "A"])
    page.keyboard.press("Enter")
    wait_for_another(page, first)
    assert Ranking.objects.get().ranks == [3, 1, 2, 1]
    page.keyboard.press("u")
    expect(page.locator(f"#card[data-item='{first}']")).to_be_visible()
    expect(page.locator("[data-order-list] li")).to_have_text(["B = D", "C", "A"])


def test_a_correction_shows_what_changed_and_can_start_again(open_desk):
    page = open_desk("correction")
    first = shown(page)
    text = page.locator("[name=text]")
    before = text.input_value()
    text.fill(before + " Salt the water.")
    expect(page.locator("[data-edit-count]")).to_have_text("0 words out, 4 in")
    expect(page.locator("[data-diff] ins")).to_contain_text("Salt")
    page.get_by_role("button", name="Start again from the answer").click()
    expect(page.locator("[data-edit-count]")).to_have_text("unchanged")
    text.fill("Quite another answer, s and u and 1.")
    page.keyboard.press("Control+Enter")
    wait_for_another(page, first)
    stored = Correction.objects.get()
    assert stored.corrected.text == "Quite another answer, s and u and 1."
    assert stored.response.text == before


def test_a_selected_passage_is_flagged_at_its_place_in_the_written_text(open_desk):
    page = open_desk("comparison")
    first = shown(page)
    answer = page.locator(".answer").first
    label = answer.get_attribute("data-answer")
    page.keyboard.press("r")
    selected = answer.locator(".prose").evaluate(
        """prose => { const walk = document.createTreeWalker(prose, NodeFilter.SHOW_TEXT); let node, last;
                      while ((node = walk.nextNode())) if (node.data.trim().length > 5) last = node;
                      const range = document.createRange();
                      range.setStart(last, last.data.length - 6); range.setEnd(last, last.data.length - 1);
                      getSelection().removeAllRanges(); getSelection().addRange(range); return range.toString(); }"""
    )
    page.get_by_label("Flag for the selected passage").select_option("false")
    page.get_by_role("button", name="Flag the passage").click()
    expect(page.locator("[data-mark-list] li")).to_contain_text("States something false")
    page.locator("#card").press("Escape")
    page.get_by_role("radio", name="About equal").check(force=True)
    page.locator("[data-send]").click()
    wait_for_another(page, first)
    stored = Comparison.objects.get()
    (flag,) = stored.flags
    flagged = stored.response_a if label == "a" else stored.response_b
    assert (flag["name"], flag["response_id"]) == ("false", flagged.pk)
    assert flagged.text[flag["start"] : flag["end"]] == selected.strip()


def test_a_report_reaches_the_manager_and_the_item_stays(open_desk):
    page = open_desk("comparison")
    first = shown(page)
    page.keyboard.press("r")
    page.get_by_role("button", name="Report to the manager").click()
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_text("Say what is wrong.", exact=True)).to_be_visible()
    page.get_by_label("What is wrong").fill("Both answers are about fish.")
    page.get_by_role("button", name="Send the report").click()
    expect(page.locator("[data-status]")).to_have_text("Reported to the manager.")
    assert Report.objects.get().note == "Both answers are about fish."
    assert shown(page) == first


def test_a_sensitive_item_is_covered_until_the_person_wants_to_see_it(open_desk):
    page = open_desk("comparison", metadata={"content_warning": "Describes an injury."})
    expect(page.get_by_text("Describes an injury.")).to_be_visible()
    expect(page.locator(".answer").first).to_be_hidden()
    page.keyboard.press("1")
    assert page.locator("input[name=verdict]:checked").count() == 0
    page.get_by_role("button", name="Always show such items").click()
    expect(page.locator(".answer").first).to_be_visible()
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator(".answer").first).to_be_visible()
    assert AnnotatorProfile.objects.get().preferences["warnings"] == "0"


def test_keys_are_the_persons_own_and_kept_for_every_device(open_desk, open_page, bob, project):
    page = open_desk("comparison")
    page.keyboard.press("?")
    skip = page.locator("[data-key-for=skip]")
    skip.fill("u")
    skip.press("Tab")
    expect(page.get_by_text("Two actions have the same key")).to_be_visible()
    skip.fill("k")
    skip.press("Tab")
    expect(page.get_by_text("Two actions have the same key")).to_be_hidden()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("[data-key-of=skip]")).to_have_text("K")
    page.wait_for_timeout(300)
    other = open_page(bob, f"/projects/{project.pk}/desk/")
    other.keyboard.press("s")
    expect(other.get_by_role("heading", name="Why skip it?")).to_be_hidden()
    other.keyboard.press("k")
    expect(other.get_by_role("heading", name="Why skip it?")).to_be_visible()


def test_answers_stand_as_the_person_likes_them(open_desk):
    page = open_desk("comparison")

    def tops() -> list[float]:
        return page.locator(".answer").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")

    assert len(set(tops())) == 1
    page.keyboard.press("?")
    page.locator("[data-layout]").select_option("stacked")
    page.get_by_role("button", name="Close").click()
    assert len(set(tops())) == 2
    page.wait_for_timeout(300)
    page.reload()
    assert len(set(tops())) == 2


def test_a_draft_of_every_kind_is_there_on_another_device(open_desk, open_page, bob, project):
    page = open_desk("ranking")
    page.keyboard.press("3")
    expect(page.locator("[data-status]")).to_have_text("Draft saved")
    other = open_page(bob, f"/projects/{project.pk}/desk/")
    assert shown(other) == shown(page)
    expect(other.locator("[data-order-list] li")).to_have_text(["C"])


# --- Faults ---------------------------------------------------------------------------------------------------------


def test_a_project_paused_under_the_annotator_takes_the_verdict_and_gives_no_more(open_desk, project, alice):
    page = open_desk("comparison", prompts=1)
    services.pause_project(project=project, by=alice)
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="This project is paused")).to_be_visible()
    assert Comparison.objects.count() == 1


def test_an_item_withdrawn_under_the_annotator_keeps_the_verdict(open_desk):
    page = open_desk("comparison")
    first = shown(page)
    Item.objects.update(open_slots=0)
    Item.objects.update(withdrawn_at="2026-01-01T00:00:00Z")
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.locator(f"#card:not([data-item='{first}'])")).to_be_visible()
    expect(page.locator("[data-status]")).to_contain_text("Stored")
    assert str(Comparison.objects.get().assignment_id) == first


def test_what_was_typed_is_there_after_the_session_ended_and_a_new_sign_in(open_desk):
    page = open_desk("comparison", reason="required")
    first = shown(page)
    cookies = page.context.cookies()
    page.keyboard.press("r")
    page.locator("#reason").fill("A long thought.")
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("3")
    expect(page.locator("[data-unsent]")).to_contain_text("signed out")
    page.context.add_cookies(cookies)
    wait_for_another(page, first)
    assert Comparison.objects.get().reason == "A long thought."


def test_two_tabs_show_one_item_and_it_is_stored_once(open_desk, project):
    page = open_desk("comparison")
    other = page.context.new_page()
    other.goto(page.url)
    assert shown(other) == shown(page)
    first = shown(page)
    for tab in (page, other):
        tab.keyboard.press("2")
        tab.keyboard.press("2")
    # Whose request the server takes up first is open.
    told = re.compile("Stored|You have already judged this item")
    for tab in (page, other):
        expect(tab.locator("[data-status]")).to_contain_text(told, timeout=20_000)
    said = sorted(tab.locator("[data-status]").inner_text()[:7] for tab in (page, other))
    assert said == ["Stored.", "You hav"]
    assert Comparison.objects.filter(assignment=first).count() == 1


def test_a_clock_that_jumps_makes_no_active_time(open_desk):
    page = open_desk("comparison")
    first = shown(page)
    page.evaluate("Date.now = () => 9e15")
    page.keyboard.press("2")
    page.keyboard.press("2")
    wait_for_another(page, first)
    assert Comparison.objects.get().active_ms < 60_000


def test_very_long_and_right_to_left_answers_show_whole_and_in_their_direction(open_page, bob, alice, project):
    long = "The egg boils. " * 13_500  # 200 kB
    line = {"prompt": "كم دقيقة؟", "responses": [{"text": long}, {"text": "عشر دقائق في الماء.\u202egnorw"}]}
    services.import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    page = open_page(bob, f"/projects/{project.pk}/desk/")
    assert page.locator(".answer", has_text="boils").inner_text().count("The egg boils.") == 13_500
    direction = page.locator(".answer", has_text="دقائق").locator("p").evaluate("e => getComputedStyle(e).direction")
    assert direction == "rtl"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_desk_weighs_little(open_desk):
    page = open_desk("comparison")
    seen: dict[str, int] = {}
    page.on("response", lambda answer: seen.update({answer.url: len(answer.body())}) if answer.ok else None)
    page.reload()
    page.wait_for_timeout(300)
    import gzip
    import urllib.request

    code = [url for url in seen if ".js" in url or ".css" in url]
    weight = sum(len(gzip.compress(urllib.request.urlopen(url).read())) for url in code)
    assert len(code) > 5
    assert weight <= 150_000, f"{weight} bytes of scripts and styles, compressed"


@pytest.mark.parametrize("kind", ["comparison", "ranking", "rating", "correction"])
def test_every_kind_is_named_readable_and_narrow_enough(open_desk, open_page, bob, project, kind):
    design = {"rating": {"axes": AXES}, "comparison": {"axes": [{"name": "h", "word": "Helpful"}]}}.get(kind, {})
    open_desk(kind, **design).close()
    for way in WAYS.values():
        page = open_page(bob, f"/projects/{project.pk}/desk/", **way)
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        page.wait_for_timeout(200)
        assert page.evaluate(CHECKS) == []
        page.keyboard.press("?")
        assert page.evaluate(CHECKS) == []
    # 200 % zoom of a 1280 px window is one of 640.
    page = open_page(bob, f"/projects/{project.pk}/desk/", viewport={"width": 640, "height": 400})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    send = page.locator("[data-send]")
    send.scroll_into_view_if_needed()
    expect(send).to_be_in_viewport()
