"""Files given on a page: looked at, imported at once or by a worker, reported, and safe from what dies meanwhile."""

import csv
import io
import json
import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from accounts.errors import Invalid
from accounts.models import Membership
from labeling.errors import BadContent
from labeling.exporting.filters import ExportFilter
from labeling.importing.tables import Columns
from labeling.models import FileImport, ImportedVerdict, Item, Judgement, Prompt, Response
from labeling.services import file_imports, iter_export, measure_agreement
from labeling.services.file_imports import accept_upload, choose_columns, list_unfinished, run_file_import
from labeling.tasks import sweep_imports_task
from tests.labeling.conftest import Api, pair_lines

TABLE = b"frage,eins,zwei,thema\nWarum?,Darum.,Eben.,a\nWie?,So.,Anders.,b\n"


@pytest.fixture
def give(project, alice):
    def give(content: bytes, name: str = "file", **options) -> FileImport:
        return accept_upload(project=project, by=alice, name=name, chunks=[content], **options)

    return give


def run(made: FileImport) -> FileImport:
    run_file_import(made.pk)
    made.refresh_from_db()
    return made


# On the page


def test_a_table_waits_until_its_columns_are_said(client, alice, project):
    client.force_login(alice.user)
    address = f"/projects/{project.pk}/import/"
    answer = client.post(address, {"file": SimpleUploadedFile("fragen.csv", TABLE), "make_items": "on"}, follow=True)
    page = answer.content.decode()
    assert "What the columns are" in page
    assert "Darum." in page
    assert not Prompt.objects.exists()
    assert "waits for its columns" in client.get(address).content.decode()
    here = answer.redirect_chain[-1][0]
    refused = client.post(here, {"response_1": "eins"})
    assert (refused.status_code, "Say which column holds the prompt" in refused.content.decode()) == (422, True)
    twice = client.post(here, {"prompt": "frage", "response_1": "eins", "response_2": "eins"})
    assert (twice.status_code, "cannot be two things at once" in twice.content.decode()) == (422, True)
    page = client.post(here, {"prompt": "frage", "response_1": "eins", "response_2": "zwei"}, follow=True)
    assert "2 new, 0 already there, 0 rejected" in page.content.decode()
    assert Item.objects.count() == 2
    assert Prompt.objects.first().metadata == {"thema": "a"}
    assert "fragen.csv" in client.get(address).content.decode()


def test_prompts_alone_are_imported_only_by_who_says_so(client, alice, project):
    client.force_login(alice.user)
    file = SimpleUploadedFile("fragen.csv", TABLE)
    answer = client.post(f"/projects/{project.pk}/import/", {"file": file, "make_items": "on"}, follow=True)
    here = answer.redirect_chain[-1][0]
    assert "No column was recognised as an answer." in answer.content.decode()
    refused = client.post(here, {"prompt": "frage"})
    assert (refused.status_code, "Say which column holds each answer" in refused.content.decode()) == (422, True)
    assert not Prompt.objects.exists()
    page = client.post(here, {"prompt": "frage", "prompts_alone": "on"}, follow=True).content.decode()
    assert "2 new" in page
    assert "No items were made" in page
    assert not Response.objects.exists()


def test_who_takes_known_answers_away_is_asked_too(client, alice, project):
    client.force_login(alice.user)
    file = SimpleUploadedFile("t.csv", b"prompt,answer_a,answer_b\nWhy?,So.,Hm.\n")
    answer = client.post(f"/projects/{project.pk}/import/", {"file": file, "make_items": "on"}, follow=True)
    assert "recognised as an answer" not in answer.content.decode()
    assert "prompts alone" not in answer.content.decode()
    here = answer.redirect_chain[-1][0]
    assert "prompts alone" in client.post(here, {"prompt": "prompt"}).content.decode()
    assert "1 new" in client.post(here, {"prompt": "prompt", "prompts_alone": "on"}, follow=True).content.decode()


def test_a_file_that_nothing_can_read_is_refused_and_not_kept(client, alice, project, settings):
    client.force_login(alice.user)
    file = SimpleUploadedFile("cat.png", b"\x89PNG\r\n\x1a\n\x00\x00")
    answer = client.post(f"/projects/{project.pk}/import/", {"file": file})
    assert (answer.status_code, "neither text nor Parquet" in answer.content.decode()) == (422, True)
    assert not FileImport.objects.exists()


def test_rejected_rows_are_a_table_to_download_that_runs_nothing(client, alice, project, charlie):
    client.force_login(alice.user)
    lines = b"\n".join([*pair_lines(2), b"=cmd()", b'{"prompt": 7}'])
    answer = client.post(f"/projects/{project.pk}/import/", {"pasted": lines.decode()}, follow=True)
    assert "2 new, 0 already there, 2 rejected" in answer.content.decode()
    here = answer.redirect_chain[-1][0]
    table = b"".join(client.get(f"{here}rejected/").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [(row["line"], row["row"]) for row in rows] == [("3", "'=cmd()"), ("4", '{"prompt": 7}')]
    client.force_login(charlie.user)
    assert client.get(here).status_code == 404
    assert client.get(f"{here}rejected/").status_code == 404


def test_a_big_file_is_a_workers_and_its_page_shows_how_far_it_is(client, alice, project, monkeypatch, settings):
    monkeypatch.setattr(file_imports, "SMALL_BYTES", 100)
    client.force_login(alice.user)
    file = SimpleUploadedFile("pairs.ndjson", b"\n".join(pair_lines(50)))
    answer = client.post(f"/projects/{project.pk}/import/", {"file": file, "make_items": "on"}, follow=True)
    page = answer.content.decode()
    assert "Waits for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    made = FileImport.objects.get()
    FileImport.objects.update(state="running", done_bytes=made.size // 2)
    part = client.get(answer.redirect_chain[-1][0], headers={"HX-Request": "true"}).content.decode()
    assert f'max="{made.size}" value="{made.size // 2}"' in part
    assert "<html" not in part
    FileImport.objects.update(state="waiting")
    run(made)
    part = client.get(answer.redirect_chain[-1][0], headers={"HX-Request": "true"}).content.decode()
    assert "50 new" in part
    assert "hx-trigger" not in part
    assert not made.upload.exists()


def test_an_annotator_may_not_import(client, bob, project):
    client.force_login(bob.user)
    assert client.get(f"/projects/{project.pk}/import/").status_code == 403


# The worker


def test_an_import_is_done_once_however_often_it_is_asked_for(give):
    made = run(give(b"\n".join(pair_lines(5))))
    assert (made.state, made.report["created"]) == ("done", 5)
    run(made)
    assert (made.fence, made.report["created"], made.report["duplicates"]) == (1, 5, 0)


def test_what_breaks_in_the_middle_leaves_nothing_and_says_why(give, alice):
    import gzip

    made = run(give(gzip.compress(b"\n".join(pair_lines(5000)))[:-10], "pairs.gz"))
    assert (made.state, "ends in the middle" in made.error) == ("failed", True)
    assert not Prompt.objects.exists()
    assert not made.directory.exists()


def test_whoever_left_imports_nothing_any_more(give, alice):
    made = give(b"\n".join(pair_lines(5)))
    Membership.objects.filter(pk=alice.pk).delete()
    assert "no longer a member" in run(made).error


def test_a_worker_that_fell_silent_is_replaced_and_after_three_it_is_said(give):
    made = give(b"\n".join(pair_lines(5)))
    long_ago = now() - timedelta(minutes=5)
    FileImport.objects.update(state="running", fence=1, heartbeat_at=long_ago)
    assert list_unfinished() == [made.pk]
    assert run(made).state == "done"
    assert made.fence == 2
    FileImport.objects.update(state="running", fence=3, heartbeat_at=long_ago)
    assert list_unfinished() == []
    made.refresh_from_db()
    assert (made.state, "was lost 3 times" in made.error) == ("failed", True)
    sweep_imports_task()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_thought_dead_does_not_finish_anothers_import(give, monkeypatch):
    made = give(b"\n".join(pair_lines(5)))
    real = file_imports.import_rows

    def and_then_lose_it(**given):
        report = real(**given)
        other = threading.Thread(target=lambda: (FileImport.objects.update(fence=7), connection.close()))
        other.start()
        other.join()
        return report

    monkeypatch.setattr(file_imports, "import_rows", and_then_lose_it)
    run(made)
    # Its transaction went back, and with it what it imported.
    assert not Prompt.objects.exists()
    assert (made.state, made.fence, made.upload.exists()) == ("running", 7, True)


def test_columns_are_chosen_once(give, alice):
    made = give(TABLE, "fragen.csv")
    with pytest.raises(BadContent, match="There is no column 'x'"):
        choose_columns(file_import=made, by=alice, columns=Columns("x"))
    choose_columns(file_import=made, by=alice, columns=Columns("frage", ("eins",)))
    with pytest.raises(Exception, match="have been chosen"):
        choose_columns(file_import=made, by=alice, columns=Columns("frage"))
    assert run(made).report["items_made"] == 0


# Verdicts of a file


def test_what_a_file_prefers_is_kept_as_imported_and_is_no_judgement(give, project):
    rows = [
        {"prompt": "Why?", "chosen": "So.", "rejected": "Hm."},
        {"prompt": "Why?", "chosen": "Because.", "rejected": "Hm."},
    ]
    content = "\n".join(map(json.dumps, rows)).encode()
    made = run(give(content, "ultra.jsonl"))
    assert (made.report["verdicts"], made.report["items_made"]) == (2, 2)
    verdicts = ImportedVerdict.objects.select_related("response_a", "response_b").order_by("pk")
    assert [(each.response_a.text, each.choice, each.response_b.text) for each in verdicts] == [
        ("So.", "a", "Hm."),
        ("Because.", "a", "Hm."),
    ]
    assert {each.source for each in verdicts} == {"ultra.jsonl"}
    assert run(give(content, "again.jsonl")).report["verdicts"] == 0
    assert not Judgement.objects.exists()
    assert measure_agreement(project).judgements == 0
    assert not Item.objects.filter(open_slots=0).exists()


def test_people_of_another_tool_have_pseudonyms_that_say_where_they_are_from(give, alice):
    def task(number, *said):
        annotations = [
            {"completed_by": who, "result": [{"type": "pairwise", "value": {"selected": side}}]} for who, side in said
        ]
        data = {"prompt": f"Q {number}", "text1": "Yes", "text2": "No"}
        return {"id": number, "data": data, "annotations": annotations}

    export = [
        task(1, (3, "left"), ({"id": 4, "email": "eve@example.org"}, "right")),
        task(2, (3, "right")),
    ]
    made = give(json.dumps(export).encode(), "project-1.json")
    assert made.format == "label_studio"
    choose_columns(file_import=made, by=alice, columns=Columns.of(made.columns))
    assert run(made).report["verdicts"] == 3
    by_prompt = ImportedVerdict.objects.order_by("prompt_id", "pk").values_list("choice", "annotator")
    (first, three), (second, four), (third, again) = by_prompt
    assert (first, second, third) == ("a", "b", "b")
    assert three == again != four
    assert three.startswith("imported-")
    assert "eve" not in four


def test_imported_verdicts_are_exported_as_what_they_are_and_apart(give, project):
    run(give(json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "Hm."}).encode(), "ultra.jsonl"))
    assert b"".join(iter_export(project=project, format="preference")) == b""
    (row,) = map(json.loads, b"".join(iter_export(project=project, format="imported")).splitlines())
    assert (row["imported"], row["response_a"], row["choice"], row["source"]) == (True, "So.", "a", "ultra.jsonl")
    after = ExportFilter(after=row["verdict_id"])
    assert b"".join(iter_export(project=project, format="imported", limits=after)) == b""
    with pytest.raises(Invalid, match="by after alone, not by kind"):
        iter_export(project=project, format="imported", limits=ExportFilter(kind="rating"))


def test_the_database_itself_refuses_a_verdict_that_does_not_say_that_it_is_imported(give):
    run(give(json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "Hm."}).encode()))
    with pytest.raises(IntegrityError, match="imported_verdict_says_so"), transaction.atomic():
        ImportedVerdict.objects.update(annotator="bob")


# Over the API


def test_the_api_takes_tables_with_the_columns_named(project, alice):
    address = f"/projects/{project.pk}/import?name=fragen.csv"
    refused = Api(alice).send(address, TABLE)
    assert (refused.status_code, refused.json()["error"]["message"]) == (422, "Say which column holds the prompt.")
    without = Api(alice).send(address + "&prompt_column=frage", TABLE)
    assert (without.status_code, "response_column=" in without.json()["error"]["message"]) == (422, True)
    assert not Prompt.objects.exists()
    alone = Api(alice).send(address + "&prompt_column=frage&response_column=", TABLE).json()
    assert (alone["created"], alone["items_made"], Response.objects.count()) == (2, 0, 0)
    Prompt.objects.all().delete()
    named = "&prompt_column=frage&response_column=eins&response_column=zwei"
    report = Api(alice).send(address + named, TABLE).json()
    assert (report["created"], report["items_made"], report["rejected"]) == (2, 2, [])


def test_the_api_takes_parquet_and_preferences(project, alice, settings):
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    rows = [{"prompt": f"Why {n}?", "chosen": "So.", "rejected": "Hm."} for n in range(20)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    report = Api(alice).send(f"/projects/{project.pk}/import", out.getvalue()).json()
    assert (report["created"], report["items_made"], report["verdicts"]) == (20, 20, 20)
    assert not list(settings.IMPORTS_DIR.glob("receiving-*"))
    broken = Api(alice).send(f"/projects/{project.pk}/import", out.getvalue()[:-9])
    assert (broken.status_code, "cannot be read" in broken.json()["error"]["message"]) == (422, True)
