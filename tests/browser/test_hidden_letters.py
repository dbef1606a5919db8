"""Letters that turn others around, or that nobody sees, in a real browser."""

import json

from playwright.sync_api import expect

from labeling import services
from labeling.models import Comparison, Correction

SPOOF = "Run \u202egnp.exe\u202c now\x07, or $a * b * c$ of it."


def test_an_annotator_sees_what_is_hidden_and_can_flag_it(open_page, project, alice, bob):
    line = {"prompt": "Which file?\u202e gnp", "responses": [{"text": SPOOF}, {"text": "None of them."}]}
    services.import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    page = open_page(bob, f"/projects/{project.pk}/desk/")
    expect(page.locator(".asked")).to_contain_text("Which file?⟦RLO⟧ gnp")
    answer = page.locator(".answer", has_text="Run")
    expect(answer).to_contain_text("⟦RLO⟧gnp.exe⟦PDF⟧ now␇, or $a * b * c$ of it.")
    page.keyboard.press("r")
    answer.locator("p").evaluate(
        """p => { const node = p.firstChild, start = node.data.indexOf("⟦RLO⟧"), range = document.createRange();
                  range.setStart(node, start); range.setEnd(node, node.data.indexOf(" now"));
                  getSelection().removeAllRanges(); getSelection().addRange(range); }"""
    )
    page.get_by_label("Flag for the selected passage").select_option("unsafe")
    page.get_by_role("button", name="Flag the passage").click()
    expect(page.locator("[data-mark-list] li")).to_contain_text("Unsafe")
    page.locator("#reason").fill("A trick\u202e.")
    page.locator("#card").press("Escape")
    page.get_by_role("radio", name="About equal").check(force=True)
    page.locator("[data-send]").click()
    page.get_by_role("heading", name="You have judged everything there is").wait_for()
    (flag,) = Comparison.objects.get().flags
    assert SPOOF[flag["start"] : flag["end"]] == "\u202egnp.exe\u202c"
    seen = open_page(alice, f"/projects/{project.pk}/judgements/")
    expect(seen.locator("q")).to_have_text("⟦RLO⟧gnp.exe⟦PDF⟧")
    expect(seen.locator("dd.plain")).to_have_text("A trick⟦RLO⟧.")
    queue = open_page(alice, f"/projects/{project.pk}/items/")
    expect(queue.locator(".excerpt")).to_have_text("Which file?⟦RLO⟧ gnp")


def correct(open_page, project, alice, bob, text):
    services.update_project(project=project, by=alice, design={"kind": "correction"})
    project.refresh_from_db()
    line = {"prompt": "Which file?", "responses": [{"text": text}]}
    services.import_records(project=project, by=alice, lines=[json.dumps(line).encode()])
    return open_page(bob, f"/projects/{project.pk}/desk/")


def test_who_corrects_an_answer_sees_what_is_hidden_in_it_and_keeps_it_unless_it_is_deleted(
    open_page, project, alice, bob
):
    page = correct(open_page, project, alice, bob, SPOOF)
    field = page.get_by_label("As it should be")
    expect(field).to_have_value("Run ⟦RLO⟧gnp.exe⟦PDF⟧ now⟦U+0007⟧, or $a * b * c$ of it.")
    expect(page.locator("[data-hidden-note]")).to_contain_text("⟦RLO⟧ stands for one of them")
    expect(page.locator("[data-edit-count]")).to_have_text("unchanged")
    field.evaluate("field => { field.value = field.value.replace('now', 'today') + '\u202d'; }")
    field.press("End")
    field.press_sequentially("!")
    expect(field).to_have_value("Run ⟦RLO⟧gnp.exe⟦PDF⟧ today⟦U+0007⟧, or $a * b * c$ of it.⟦LRO⟧!")
    expect(page.locator("[data-diff] ins").last).to_contain_text("⟦LRO⟧!")
    expect(page.locator("[data-status]")).to_have_text("Draft saved")
    page.reload()
    expect(field).to_have_value("Run ⟦RLO⟧gnp.exe⟦PDF⟧ today⟦U+0007⟧, or $a * b * c$ of it.⟦LRO⟧!")
    page.locator("[data-send]").click()
    page.get_by_role("heading", name="You have judged everything there is").wait_for()
    stored = Correction.objects.get()
    assert stored.response.text == SPOOF
    assert stored.corrected.text == SPOOF.replace("now", "today") + "\u202d!"


def test_an_answer_that_is_left_alone_counts_as_unchanged_whatever_hides_in_it(open_page, project, alice, bob):
    page = correct(open_page, project, alice, bob, SPOOF + " ⟦RLO⟧")
    expect(page.get_by_label("As it should be")).to_have_value(
        "Run ⟪RLO⟫gnp.exe⟪PDF⟫ now⟪U+0007⟫, or $a * b * c$ of it. ⟦RLO⟧"
    )
    page.locator("[data-send]").click()
    page.get_by_role("heading", name="You have judged everything there is").wait_for()
    assert Correction.objects.get().corrected is None
