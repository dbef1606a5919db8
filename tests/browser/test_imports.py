"""A file on its way through a browser: its columns, a worker at work, rejected rows; and what to export."""

import json

import pytest
from playwright.sync_api import expect

from labeling.models import FileImport, Item, Prompt
from labeling.services import file_imports
from tests.browser.test_pages import CHECKS, WAYS

TABLE = (
    "frage;antwort eins;antwort zwei;notiz\r\n"
    'Warum?;"Darum;\r\nbasta.";Eben.;=1+1\r\n'
    "Wie?;So.;So.;x\r\n"
    f"{'Sehr lang? ' * 40};{'Ja. ' * 200};{'Nein. ' * 200};y\r\n"
)


def give(page, name, content):
    page.get_by_label("A file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content.encode()})
    page.get_by_role("button", name="Import").click()


@pytest.mark.parametrize("way", WAYS)
def test_a_table_is_looked_at_corrected_imported_and_told_of(open_page, project, alice, way):
    page = open_page(alice, f"/projects/{project.pk}/import/", **WAYS[way])
    give(page, "fragen.csv", TABLE)
    expect(page.get_by_role("heading", level=1)).to_have_text("What the columns are")
    expect(page.get_by_role("cell", name="Darum;")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Say which column holds the prompt.")).to_be_visible()
    assert page.evaluate(CHECKS) == []
    page.get_by_label("Prompt", exact=True).select_option("frage")
    page.get_by_label("Answer 1 optional", exact=True).select_option("antwort eins")
    page.get_by_label("Answer 2 optional", exact=True).select_option("antwort zwei")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#live")).to_contain_text("2 new, 0 already there, 1 rejected")
    assert page.evaluate(CHECKS) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the rejected rows").click()
    assert "the same text" in download.value.path().read_text(encoding="utf-8-sig")
    assert (Prompt.objects.count(), Item.objects.count()) == (2, 2)
    page.goto(f"/projects/{project.pk}/import/")
    expect(page.get_by_role("link", name="fragen.csv")).to_be_visible()
    assert page.evaluate(CHECKS) == []


def test_a_big_file_is_watched_without_a_reload(open_page, project, alice, monkeypatch):
    monkeypatch.setattr(file_imports, "SMALL_BYTES", 10)
    page = open_page(alice, f"/projects/{project.pk}/import/")
    give(page, "pairs.jsonl", json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "Hm."}))
    expect(page.locator("#live")).to_contain_text("Waits for a worker")
    assert page.evaluate(CHECKS) == []
    made = FileImport.objects.get()
    FileImport.objects.update(state="running", done_bytes=made.size // 2)
    expect(page.locator("#live")).to_contain_text("Reading.")
    expect(page.get_by_role("progressbar")).to_have_attribute("max", str(made.size))
    assert page.evaluate(CHECKS) == []
    FileImport.objects.update(state="waiting")
    file_imports.run_file_import(made.pk)
    expect(page.locator("#live")).to_contain_text("1 verdict of the file kept as imported")
    page.locator("#live").get_by_role("link", name="Judge").click()
    page.wait_for_url("**/desk/")


@pytest.mark.parametrize("way", WAYS)
def test_what_to_export_is_chosen_on_a_page(open_page, items, alice, way):
    page = open_page(alice, f"/projects/{items.pk}/export/", **WAYS[way])
    assert page.evaluate(CHECKS) == []
    page.get_by_label("After the judgement with this id").fill("7")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "answers.jsonl"
    page.get_by_label("Of one annotator").fill("nobody")
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("Nobody here is called")).to_be_visible()
    assert page.evaluate(CHECKS) == []
