"""Versions, playground and served answers as a person meets them."""

import os

import pytest
from playwright.sync_api import expect

from models_registry.models import ModelVersion
from models_registry.services import promote_version
from serving.chat_request import ChatRequest
from serving.models import Feedback, ServedResponse
from serving.services import answer_now, record_feedback
from tests.browser.test_pages import CHECKS, WAYS
from tests.fault_engine import fault_engine  # noqa: F401
from tests.models_registry.making import make_version, open_the_gate

# A directory to take pictures into, for whoever wants to look.
SHOTS = os.environ.get("ACCORD_SHOTS")


@pytest.fixture
def production(alice, project, tmp_path, fault_engine):  # noqa: F811
    """At an engine that always says "fine"."""
    version = make_version(
        alice, project.pk, tmp_path, artifact_dir=None, engine_model="good", endpoint_url=fault_engine.url
    )
    promote_version(version=version, by=alice, to_stage="production", reason="The first.")
    return version


def test_a_conversation_a_thumb_and_an_edit(open_page, alice, project, production):
    page = open_page(alice, f"/projects/{project.pk}/playground/")
    page.get_by_label("Your message").fill("What is **tea**?")
    page.get_by_role("button", name="Send", exact=True).click()
    answer = page.locator(".message.assistant")
    expect(answer).to_contain_text("fine")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.get_by_label("Your message").fill("And coffee?")
    page.keyboard.press("Control+Enter")
    expect(answer.get_by_role("button", name="Good answer")).to_have_count(2)
    assert len(ServedResponse.objects.first().messages) == 3
    answer.first.get_by_role("button", name="Bad answer").click()
    expect(answer.first).to_contain_text("annotators will compare the two")
    # The answer can be corrected now, and a thumb that was a slip changed.
    expect(answer.first.get_by_label("The answer as it should be")).to_be_visible()
    answer.first.get_by_role("button", name="Send the edited answer").click()
    expect(answer.first).to_contain_text("Change it before you send it")
    answer.first.get_by_role("button", name="Good answer").click()
    expect(answer.first).to_contain_text("Your thumb up is stored")
    expect(answer.first.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    answer.last.get_by_text("Write it better").click()
    edit = answer.last.get_by_label("The answer as it should be")
    expect(edit).to_have_value("fine")
    edit.fill("Coffee is roasted beans in hot water.")
    answer.last.get_by_role("button", name="Send the edited answer").click()
    expect(answer.last).to_contain_text("Annotators will compare your text")
    assert set(Feedback.objects.filter(replaced_at=None).values_list("signal", flat=True)) == {"thumb_up", "edit"}
    page.reload()
    expect(answer).to_have_count(2)
    expect(answer.first).to_contain_text("Your thumb up is stored")
    expect(answer.last).to_contain_text("Annotators will compare your text")
    page.goto(f"/projects/{project.pk}/served/")
    expect(page.locator("main")).to_contain_text("Thumb down")


def test_a_conversation_without_a_script(open_page, alice, project, production):
    page = open_page(alice, f"/projects/{project.pk}/playground/", java_script_enabled=False)
    for message in ("What is tea?", "And coffee?"):
        page.get_by_label("Your message").fill(message)
        page.get_by_role("button", name="Send", exact=True).click()
    answer = page.locator(".message.assistant")
    expect(answer).to_have_count(2)
    answer.first.get_by_role("button", name="Bad answer").click()
    expect(page.locator(".message.assistant").first).to_contain_text("annotators will compare the two")
    expect(page.locator(".message.assistant")).to_have_count(2)


def test_an_answer_appears_while_it_is_written(open_page, alice, project, production):
    ModelVersion.objects.filter(pk=production.pk).update(engine_model="trickles")
    page = open_page(alice, f"/projects/{project.pk}/playground/")
    page.get_by_label("Your message").fill("What is tea?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".message.assistant")).to_contain_text("word3")
    assert "word99" not in page.locator(".message.assistant").inner_text()
    expect(page.get_by_text("The model is writing")).to_be_visible()
    expect(page.locator(".message.assistant")).to_contain_text("word99", timeout=30_000)
    expect(page.get_by_role("button", name="Good answer")).to_be_visible()


def test_an_engine_that_is_down_is_told_in_the_conversation(open_page, alice, project, production, fault_engine):  # noqa: F811
    fault_engine.server_close()
    page = open_page(alice, f"/projects/{project.pk}/playground/")
    page.get_by_label("Your message").fill("What is tea?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    # What was typed is still there to be sent again.
    expect(page.get_by_label("Your message")).to_have_value("What is tea?")


def test_a_promotion_and_its_way_back(open_page, alice, project, tmp_path, production):
    better = make_version(alice, project.pk, tmp_path, parent=production)
    open_the_gate(better)
    page = open_page(alice, f"/projects/{project.pk}/versions/")
    page.get_by_role("link", name=better.name).click()
    page.get_by_text("Promote to production").first.click()
    page.locator("details[open]").get_by_label("Reason").fill("It wins.")
    page.get_by_role("button", name="Promote to production").click()
    expect(page.locator("h1")).to_contain_text("Production")
    page.get_by_text(f"Roll back to {production.name}").click()
    page.locator("details[open]").get_by_label("Reason").fill("Complaints.")
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("h1")).to_contain_text("Retired")
    expect(page.locator("main")).to_contain_text("Rolled back: Complaints.")


@pytest.mark.parametrize("way", WAYS)
def test_the_pages_of_versions_and_serving_are_named_ordered_readable_and_narrow_enough(
    open_page, alice, project, tmp_path, production, way
):
    better = make_version(
        alice, project.pk, tmp_path, parent=production, base=production, run_id=3, recipe="grpo", snapshot_id=4,
        snapshot_hash="ab" * 32,
    )  # fmt: skip
    open_the_gate(better)
    make_version(alice, project.pk, tmp_path, parent=production)
    promote_version(version=better, by=alice, to_stage="canary", reason="Try it on a few.", canary_share=0.1)
    for number in range(12):
        chat = ChatRequest(messages=[{"role": "user", "content": f"What is tea {number}? " + "word " * 30}])
        served = answer_now(project=project, by=alice, chat=chat)
    record_feedback(served=served, by=alice, signal="thumb_down", comment="too short")
    page = open_page(alice, f"/projects/{project.pk}/versions/", **WAYS[way])
    base = f"/projects/{project.pk}"
    for path in (
        f"{base}/versions/", f"/versions/{production.pk}/", f"/versions/{better.pk}/", f"{base}/served/",
        f"{base}/served/?feedback=1", f"{base}/playground/",
    ):  # fmt: skip
        page.goto(path)
        for summary in page.locator("main summary").all():
            summary.click()
        assert page.evaluate(CHECKS) == [], path
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{way[:4]}{path.replace('/', '-').replace('?', '-')}.png", full_page=True)
    page.get_by_label("Your message").fill("What is tea?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".message.assistant")).to_contain_text("fine")
    page.get_by_text("Write it better").click()
    assert page.evaluate(CHECKS) == []
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{way[:4]}-conversation.png", full_page=True)
