"""The pages of a project: what each shows, refuses and keeps apart."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.permissions import Role
from labeling import services
from labeling.models import Comparison, Item, Project, Prompt
from tests.cast import make_member

PAGES = ["", "edit/", "import/", "prompts/", "items/", "snapshots/", "agreement/", "export/", "desk/"]


def line(number, responses=2):
    texts = [{"text": f"Answer {n} to {number}", "model": "gpt-secret-9"} for n in range(responses)]
    return json.dumps({"prompt": f"Question {number}", "responses": texts}).encode()


@pytest.fixture
def filled(project, alice):
    services.import_records(project=project, by=alice, lines=[line(number) for number in range(3)])
    return project


@pytest.mark.parametrize("page", PAGES)
def test_another_organisations_project_is_not_found(client, project, charlie, page):
    client.force_login(charlie.user)
    assert client.get(f"/projects/{project.pk}/{page}").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_asked_to_sign_in(client, project, page):
    assert client.get(f"/projects/{project.pk}/{page}").url.startswith("/sign-in/?next=/projects/")


@pytest.mark.parametrize("page", [page for page in PAGES if page != "desk/"])
def test_an_annotator_has_the_desk_and_nothing_else_of_a_project(client, project, bob, page):
    client.force_login(bob.user)
    assert client.get(f"/projects/{project.pk}/{page}").status_code == 403
    assert client.get(f"/projects/{project.pk}/desk/").status_code == 200


@pytest.mark.parametrize("page", ["edit/", "import/", "export/", "desk/"])
def test_a_viewer_changes_exports_and_judges_nothing(client, project, alice, page):
    client.force_login(make_member(alice.organisation, "vera@example.org", Role.VIEWER).user)
    assert client.get(f"/projects/{project.pk}/{page}").status_code == 403
    assert client.get(f"/projects/{project.pk}/").status_code == 200


def test_an_empty_organisation_is_offered_its_first_project(client, alice, bob):
    client.force_login(alice.user)
    assert "Set up a project" in client.get("/projects/").content.decode()
    client.force_login(bob.user)
    assert "Nobody has set up a project" in client.get("/projects/").content.decode()


def test_a_project_is_set_up_and_changed_by_form(client, alice):
    client.force_login(alice.user)
    fields = {
        "name": "Recipes",
        "overlap": 2,
        "lease_minutes": 15,
        "held_out_percent": 20,
        "selection_policy": "random",
    }
    made = client.post("/projects/new/", fields)
    project = Project.objects.get()
    assert made.url == f"/projects/{project.pk}/import/"
    client.post(f"/projects/{project.pk}/edit/", fields | {"overlap": 3})
    project.refresh_from_db()
    assert project.overlap == 3


def test_a_new_project_follows_the_reward_model_and_its_form_says_why(client, alice):
    client.force_login(alice.user)
    page = client.get("/projects/new/blank/").content.decode()
    assert '<option value="v_optimal" selected>' in page
    assert "saved most labels in our trials" in page
    assert services.create_project(by=alice, name="Said nothing").selection_policy == "v_optimal"
    assert services.create_project(by=alice, name="Said so", selection_policy="random").selection_policy == "random"


def test_a_wrong_setting_is_told_beside_its_field_and_what_was_typed_stays(client, alice):
    client.force_login(alice.user)
    answer = client.post("/projects/new/", {"name": "Recipes", "overlap": 99, "guidelines": "Be kind"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Use a whole number from 1 to 20." in page
    assert "Be kind" in page
    assert not Project.objects.exists()


def test_a_project_is_paused_and_goes_on(client, filled, alice, bob):
    client.force_login(alice.user)
    client.post(f"/projects/{filled.pk}/pause/", {"to": "paused"})
    assert "This project is paused" in client.get(f"/projects/{filled.pk}/desk/").content.decode()
    client.post(f"/projects/{filled.pk}/pause/", {"to": "running"})
    assert 'name="verdict"' in client.get(f"/projects/{filled.pk}/desk/").content.decode()


def test_an_import_tells_of_every_line_what_became_of_it(client, project, alice):
    client.force_login(alice.user)
    file = SimpleUploadedFile(
        "prompts.ndjson", b"\n".join([line(1), b"{broken", line(1), line(2, 1), b'{"prompt": 7}'])
    )
    page = client.post(
        f"/projects/{project.pk}/import/", {"file": file, "make_items": "on"}, follow=True
    ).content.decode()
    assert "2 new, 1 already there, 2 rejected" in page
    assert re.search(r'<td class="num">2</td><td>The line is not JSON', page)
    assert re.search(r'<td class="num">5</td><td>.*not a number', page)
    assert (Prompt.objects.count(), Item.objects.count()) == (2, 1)


def test_pasted_lines_are_imported_too_and_both_at_once_are_refused(client, project, alice):
    client.force_login(alice.user)
    path = f"/projects/{project.pk}/import/"
    both = {"file": SimpleUploadedFile("x", line(1)), "pasted": line(2).decode()}
    assert client.post(path, both).status_code == 422
    assert client.post(path, {}).status_code == 422
    assert "1 new" in client.post(path, {"pasted": line(2).decode()}, follow=True).content.decode()


def test_lists_are_paged_and_every_row_is_seen_once(client, project, alice):
    services.import_records(project=project, by=alice, lines=[line(number) for number in range(120)])
    client.force_login(alice.user)
    for name in ("prompts", "items"):
        seen, path = [], f"/projects/{project.pk}/{name}/"
        while path:
            page = client.get(path).content.decode()
            seen += re.findall(r">Question (\d+)<", page)
            older = re.search(r'href="\?([^"]*before=\d+)"', page)
            path = f"/projects/{project.pk}/{name}/?" + older[1].replace("&amp;", "&") if older else ""
        assert sorted(map(int, seen)) == list(range(120))


def test_a_snapshot_is_frozen_from_the_page(client, filled, alice):
    client.force_login(alice.user)
    assert client.post(f"/projects/{filled.pk}/snapshots/freeze/").status_code == 409
    judge(client, filled)
    answer = client.post(f"/projects/{filled.pk}/snapshots/freeze/", follow=True)
    assert "Frozen: 1 judgement" in answer.content.decode()
    assert filled.snapshots.get().content_hash in answer.content.decode()


@pytest.mark.parametrize("wanted", ["jsonl", "preference", "kto", "sft", "csv"])
def test_every_offered_export_is_streamed(client, filled, alice, wanted):
    client.force_login(alice.user)
    judge(client, filled)
    answer = client.get(f"/projects/{filled.pk}/export/?format={wanted}")
    assert answer.streaming
    assert "attachment" in answer.headers["Content-Disposition"]
    assert b"Answer" in b"".join(answer.streaming_content)


def test_an_export_is_chosen_on_a_page_and_what_cannot_be_is_said_there(client, filled, alice):
    client.force_login(alice.user)
    judge(client, filled)
    judge(client, filled)
    path = f"/projects/{filled.pk}/export/"
    assert "Made before this day" in client.get(path).content.decode()
    empty = "format=jsonl&kind=&since=&until=&annotator=&min_agreement=&after="
    whole = b"".join(client.get(f"{path}?{empty}").streaming_content).splitlines()
    last = json.loads(whole[0])["judgement_id"]
    assert b"".join(client.get(f"{path}?{empty}{last}").streaming_content).splitlines() == whole[1:]
    refused = client.get(f"{path}?format=csv&since=soon&annotator=bob")
    assert (refused.status_code, "Write a day (2026-11-21)" in refused.content.decode()) == (422, True)
    refused = client.get(f"{path}?format=csv&annotator=bob")
    assert (refused.status_code, "Nobody here is called" in refused.content.decode()) == (422, True)


def test_an_unknown_export_is_not_found(client, filled, alice):
    client.force_login(alice.user)
    assert client.get(f"/projects/{filled.pk}/export/?format=../../etc").status_code == 404


def judge(client, project, **changes):
    page = client.get(f"/projects/{project.pk}/desk/").content.decode()
    path = re.search(r'action="([^"]+/judgement/)"', page)[1]
    client_id = re.search(r'name="client_id" value="([^"]+)"', page)[1]
    return path, client.post(path, {"verdict": "a2", "client_id": client_id, "active_ms": "1200"} | changes)


def test_one_request_stores_the_verdict_and_answers_with_the_next_card(client, filled, bob):
    client.force_login(bob.user)
    page = client.get(f"/projects/{filled.pk}/desk/").content.decode()
    path = re.search(r'action="([^"]+/judgement/)"', page)[1]
    fields = {"verdict": "b3", "client_id": "6f7b1c1e-93b4-4a0e-8f0a-111111111111", "reason": "shorter"}
    answer = client.post(path, fields, headers={"HX-Request": "true"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert html.lstrip().startswith("<article")
    assert path not in html
    assert client.post(path, fields, headers={"HX-Request": "true"}).status_code == 200
    stored = Comparison.objects.get()
    assert (stored.choice, stored.strength, stored.reason) == ("b", 3, "shorter")


def test_a_verdict_that_is_none_comes_back_with_all_that_was_typed(client, filled, bob):
    client.force_login(bob.user)
    _, answer = judge(client, filled, verdict="z9", reason="a long thought")
    assert answer.status_code == 422
    assert "Choose a, b, tie, both_bad." in answer.content.decode()
    assert "a long thought" in answer.content.decode()
    assert not Comparison.objects.exists()


def test_a_second_verdict_on_one_item_is_told_and_leads_on(client, filled, bob):
    client.force_login(bob.user)
    path, _ = judge(client, filled)
    again = client.post(path, {"verdict": "a1", "client_id": "6f7b1c1e-93b4-4a0e-8f0a-222222222222"})
    assert "already judged" in again.content.decode()
    assert "Next item" in again.content.decode()
    assert Comparison.objects.count() == 1


def test_nobody_touches_the_assignment_of_somebody_else(client, filled, alice, bob):
    assignment = services.lease_next(project=filled, by=bob)
    client.force_login(alice.user)
    for act in ("judgement", "skip", "heartbeat", "draft"):
        answer = client.post(f"/projects/{filled.pk}/desk/{assignment.pk}/{act}/", {"verdict": "a1"})
        assert answer.status_code == 404


def test_the_card_names_no_model(client, filled, bob):
    client.force_login(bob.user)
    assert "gpt-secret" not in client.get(f"/projects/{filled.pk}/desk/").content.decode()


def test_undo_without_a_script_shows_the_item_that_was_taken_back(client, filled, bob):
    client.force_login(bob.user)
    path, _ = judge(client, filled)
    client.get(f"/projects/{filled.pk}/desk/")
    page = client.post(f"/projects/{filled.pk}/desk/undo/", follow=True).content.decode()
    assert path in page
    assert re.search(r'value="a2"[^>]* checked', page)


def test_every_page_sends_the_policy_that_forbids_inline_scripts(client, filled, alice):
    client.force_login(alice.user)
    for page in ("", "desk/", "edit/", "prompts/", "items/", "import/", "agreement/"):
        answer = client.get(f"/projects/{filled.pk}/{page}")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        html = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)


def test_a_pasted_text_that_is_too_large_is_told_in_words(client, project, alice, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client.force_login(alice.user)
    answer = client.post(f"/projects/{project.pk}/import/", {"pasted": "x" * 5000})
    assert answer.status_code == 400
    assert "send a large text as a file" in answer.content.decode()
