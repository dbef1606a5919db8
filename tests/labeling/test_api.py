import gzip
import io
import json
from uuid import uuid4

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory

from accounts.models import AuditEvent
from labeling.api.streams import body_chunks
from labeling.errors import BrokenUpload, LengthNeeded
from labeling.models import Assignment, Comparison, Item, Project, Prompt
from labeling.services import freeze_snapshot, lease_next, pause_project
from tests.labeling.conftest import Api, judge_next, pair_lines


def code_of(response):
    return response.json()["error"]["code"]


@pytest.fixture
def api(alice):
    return Api(alice)


@pytest.fixture
def worker(bob):
    return Api(bob)


def said(**changes):
    return {"client_id": str(uuid4()), "kind": "comparison", "choice": "a", "strength": 2} | changes


def test_the_whole_way_from_import_to_export(api, worker):
    project = api.post("/projects", {"name": "Answers", "overlap": 1}).json()["id"]
    report = api.send(f"/projects/{project}/import", b"\n".join(pair_lines(3)) + b"\nnonsense")
    assert report.json() == {
        "created": 3, "duplicates": 0, "items_made": 3, "verdicts": 0, "rejected_count": 1,
        "rejected": [{"line": 4, "reason": "The line is not JSON: Expecting value at character 1."}],
    }  # fmt: skip
    shown = worker.post(f"/projects/{project}/next").json()
    judged = worker.post(f"/assignments/{shown['id']}/judgement?next=1", said(choice="b", strength=3)).json()
    assert judged["judgement"]["is_surplus"] is False
    assert judged["next"]["id"] != shown["id"]
    worker.post(f"/assignments/{judged['next']['id']}/judgement", said())
    last = worker.post(f"/projects/{project}/next").json()
    assert worker.post(f"/assignments/{last['id']}/judgement?next=1", said()).json()["next"] is None
    assert worker.post(f"/projects/{project}/next").status_code == 204
    rows = b"".join(api.get(f"/projects/{project}/export", format="preference")).splitlines()
    assert len(rows) == 3
    assert json.loads(rows[0])["chosen"] == [{"role": "assistant", "content": shown["responses"][1]["text"]}]
    snapshot = api.post("/snapshots", {"project": project})
    assert (snapshot.status_code, snapshot.json()["judgement_count"]) == (201, 3)
    assert api.get(f"/snapshots/{snapshot.json()['id']}").json() == snapshot.json()
    assert api.get("/snapshots", project=project).json() == {"results": [snapshot.json()], "next": None}
    assert api.get(f"/projects/{project}").json()["figures"]["progress"] == 1
    assert AuditEvent.objects.filter(verb="judgements exported").exists()


def test_an_assignment_shows_nothing_that_names_a_model(project, worker, add_pairs):
    add_pairs(1)
    Prompt.objects.update(metadata={"model": "one"}, source="one")
    shown = worker.post(f"/projects/{project.pk}/next").json()
    assert set(shown) == {
        "id", "project", "item", "kind", "state", "prompt", "responses", "ask", "draft", "leased_at", "expires_at",
    }  # fmt: skip
    assert [set(response) for response in shown["responses"]] == [{"label", "text"}] * 2
    assert "one" not in json.dumps(shown)


def test_a_judgement_sent_twice_is_stored_once(project, worker, add_pairs):
    add_pairs(1)
    shown, body = worker.post(f"/projects/{project.pk}/next").json(), said()
    first, second = (worker.post(f"/assignments/{shown['id']}/judgement", body) for _ in range(2))
    assert first.json() == second.json()
    assert code_of(worker.post(f"/assignments/{shown['id']}/judgement", said())) == "already_judged"
    assert Comparison.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"extra": 1}, "extra"),
        ({"client_id": "x"}, "client_id"),
        ({"choice": "left"}, "choice"),
        ({"strength": 9}, "strength"),
        ({"strength": None}, "strength"),
        ({"choice": "tie"}, "strength"),
        ({"kind": "rating"}, "kind"),
        ({"reason": "\x00"}, "reason"),
        ({"flags": "x"}, "flags"),
        ({"active_ms": -1}, "active_ms"),
        ({"active_ms": 2**40}, "active_ms"),
    ],
)
def test_a_judgement_that_cannot_be_stored_is_refused_with_the_field(project, worker, add_pairs, body, field):
    add_pairs(1)
    shown = worker.post(f"/projects/{project.pk}/next").json()
    refused = worker.post(f"/assignments/{shown['id']}/judgement", said(**body))
    assert refused.status_code == 422
    assert field in refused.json()["error"]["fields"]
    assert not Comparison.objects.exists()


@pytest.mark.parametrize("body", [[], "x", 7, [{}]])
def test_a_body_that_is_no_object_is_refused(project, worker, add_pairs, body):
    add_pairs(1)
    shown = worker.post(f"/projects/{project.pk}/next").json()
    assert worker.post(f"/assignments/{shown['id']}/judgement", json.dumps(body)).status_code == 422


def test_draft_heartbeat_skip_and_undo(project, worker, add_pairs):
    add_pairs(2)
    shown = worker.post(f"/projects/{project.pk}/next").json()
    assert worker.post(f"/assignments/{shown['id']}/draft", {"draft": {"reason": "so f"}}).status_code == 204
    assert worker.post(f"/assignments/{shown['id']}/heartbeat").json()["draft"] == {"reason": "so f"}
    worker.post(f"/assignments/{shown['id']}/judgement", said(reason=" because "))
    assert Comparison.objects.get().reason == " because "
    again = worker.post(f"/assignments/{shown['id']}/undo").json()
    assert (again["id"], again["responses"]) == (shown["id"], shown["responses"])
    assert worker.post(f"/assignments/{shown['id']}/skip", {"reason": "hard"}).status_code == 204
    assert worker.post(f"/projects/{project.pk}/next").json()["id"] != shown["id"]


def test_only_the_last_judgement_is_undone(project, worker, add_pairs):
    add_pairs(2)
    first = worker.post(f"/projects/{project.pk}/next").json()
    second = worker.post(f"/assignments/{first['id']}/judgement?next=1", said()).json()["next"]
    worker.post(f"/assignments/{second['id']}/judgement", said())
    assert code_of(worker.post(f"/assignments/{first['id']}/undo")) == "not_last"


def test_the_last_judgement_before_a_pause_is_stored_and_brings_no_next(project, worker, alice, add_pairs):
    add_pairs(2)
    shown = worker.post(f"/projects/{project.pk}/next").json()
    pause_project(project=project, by=alice)
    answer = worker.post(f"/assignments/{shown['id']}/judgement?next=1", said())
    assert (answer.status_code, answer.json()["next"]) == (200, None)
    refused = worker.post(f"/projects/{project.pk}/next")
    assert (refused.status_code, code_of(refused)) == (409, "project_closed")


def test_a_project_is_changed_paused_and_resumed(api, project):
    changed = api.patch(f"/projects/{project.pk}", {"name": "New", "overlap": 3, "paused": True}).json()
    assert (changed["name"], changed["overlap"]) == ("New", 3)
    assert changed["paused_at"]
    assert api.patch(f"/projects/{project.pk}", {"paused": False}).json()["paused_at"] is None


@pytest.mark.parametrize(
    "body", [{"overlap": 0}, {"overlap": 21}, {"name": ""}, {"selection_policy": "best"}, {"colour": "red"}]
)
def test_a_project_with_a_bad_setting_is_refused(api, project, body):
    refused = api.patch(f"/projects/{project.pk}", body)
    assert (refused.status_code, set(refused.json()["error"]["fields"])) == (422, set(body))
    assert api.post("/projects", {"name": "x"} | body).status_code == 422


def test_two_projects_of_one_name_have_addresses_of_their_own(api, project):
    slugs = [api.post("/projects", {"name": "Answers"}).json()["slug"] for _ in range(3)]
    assert slugs == ["answers-2", "answers-3", "answers-4"]


def test_lists_are_paged_by_key(api, alice):
    for number in range(60):
        Project.objects.create(organisation=alice.organisation, name=f"P{number}", slug=f"p{number}")
    first = api.get("/projects").json()
    second = api.get("/projects", before=first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (50, 10, None)


def test_items_are_made_by_policy_once(api, project):
    lines = b'{"prompt": "Why?", "responses": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}'
    assert api.send(f"/projects/{project.pk}/import?make_items=false", lines).json()["items_made"] == 0
    assert api.post(f"/projects/{project.pk}/items", {"items_per_prompt": 2}).json()["made"] == 2
    assert set(Item.objects.values_list("propensity", flat=True)) == {2 / 3}
    assert api.post(f"/projects/{project.pk}/items", {"items_per_prompt": 2}).json()["made"] == 0
    assert api.post(f"/projects/{project.pk}/items", {"policy": "clever"}).status_code == 422


def test_a_packed_upload_is_unpacked_as_it_comes(api, project):
    packed = gzip.compress(b"\n".join(pair_lines(2)) + b"\n") + gzip.compress(b"\n".join(pair_lines(2, start=2)))
    path = f"/projects/{project.pk}/import"
    assert api.send(path, packed, **{"Content-Encoding": "gzip"}).json()["created"] == 4
    for broken, code in ((packed[:-20], "broken_upload"), (b"plain", "broken_upload"), (b"", "broken_upload")):
        refused = api.send(path, broken, **{"Content-Encoding": "gzip"})
        assert (refused.status_code, code_of(refused)) == (400, code)
    assert api.send(path, packed, **{"Content-Encoding": "br"}).status_code == 422
    assert Prompt.objects.count() == 4


def test_a_gzip_bomb_is_one_line_too_long_and_no_more(api, project):
    bomb = gzip.compress(b"x" * 50_000_000 + b"\n" + pair_lines(1)[0])
    report = api.send(f"/projects/{project.pk}/import", bomb, **{"Content-Encoding": "gzip"}).json()
    assert (report["created"], report["rejected_count"]) == (1, 1)


def test_an_upload_that_ends_early_keeps_nothing(project):
    body = {"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": "10"}
    request = WSGIRequest(RequestFactory().generic("POST", "/").environ | body)
    with pytest.raises(BrokenUpload, match="3 of 10 bytes"):
        list(body_chunks(request))


def test_an_upload_in_chunks_is_read_to_its_end_or_refused():
    request = RequestFactory().generic("POST", "/", b"")
    request = WSGIRequest(request.environ | {"HTTP_TRANSFER_ENCODING": "chunked"})
    request.META |= {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(b"abc"), "wsgi.input_terminated": True}
    assert b"".join(body_chunks(request)) == b"abc"
    del request.META["wsgi.input_terminated"]
    with pytest.raises(LengthNeeded):
        list(body_chunks(request))


def test_an_unknown_export_format_is_refused_with_the_known_ones(api, project):
    refused = api.get(f"/projects/{project.pk}/export", format="xlsx")
    assert refused.status_code == 422
    assert "preference" in refused.json()["error"]["message"]


def test_another_organisations_rows_are_not_returned(project, alice, bob, charlie, add_pairs):
    add_pairs(3)
    judge_next(project, bob)
    held = lease_next(project=project, by=bob)
    snapshot = freeze_snapshot(project=project, by=alice)
    outsider = Api(charlie)
    for path in ("", "/agreement", "/export"):
        assert outsider.get(f"/projects/{project.pk}{path}").status_code == 404
    for path in ("/items", "/next"):
        assert outsider.post(f"/projects/{project.pk}{path}").status_code == 404
    assert outsider.patch(f"/projects/{project.pk}", {"name": "Mine"}).status_code == 404
    assert outsider.send(f"/projects/{project.pk}/import", b"").status_code == 404
    for path in ("skip", "heartbeat", "undo"):
        assert outsider.post(f"/assignments/{held.pk}/{path}").status_code == 404
    assert outsider.post(f"/assignments/{held.pk}/judgement", said()).status_code == 404
    assert outsider.post(f"/assignments/{held.pk}/draft", {"draft": {}}).status_code == 404
    assert outsider.get(f"/snapshots/{snapshot.pk}").status_code == 404
    assert outsider.post("/snapshots", {"project": project.pk}).status_code == 404
    assert outsider.get("/snapshots").json()["results"] == []
    assert outsider.get("/projects").json()["results"] == []


@pytest.mark.parametrize("name", ["Project", "Prompt", "Response", "Item", "Assignment", "Comparison", "Snapshot"])
def test_every_queryset_narrows_to_the_organisation(project, alice, bob, charlie, add_pairs, name):
    from labeling import models

    add_pairs(1)
    judge_next(project, bob)
    freeze_snapshot(project=project, by=alice)
    rows = getattr(models, name).objects
    assert rows.for_member(alice).exists()
    assert not rows.for_member(charlie).exists()


def test_a_colleagues_assignment_is_refused_with_the_reason(project, api, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    for path, body in (("judgement", said()), ("skip", {}), ("heartbeat", {}), ("undo", {}), ("draft", {"draft": {}})):
        refused = api.post(f"/assignments/{held.pk}/{path}", body)
        assert (refused.status_code, code_of(refused)) == (403, "not_assigned")
    assert Assignment.objects.get().state == "leased"


def test_an_annotator_may_judge_and_nothing_else(project, worker):
    for refused in (
        worker.get("/projects"), worker.post("/projects", {"name": "x"}), worker.get(f"/projects/{project.pk}"),
        worker.patch(f"/projects/{project.pk}", {}), worker.send(f"/projects/{project.pk}/import", b""),
        worker.post(f"/projects/{project.pk}/items"), worker.get(f"/projects/{project.pk}/agreement"),
        worker.get(f"/projects/{project.pk}/export"), worker.get("/snapshots"),
        worker.post("/snapshots", {"project": project.pk}),
    ):  # fmt: skip
        assert (refused.status_code, code_of(refused)) == (403, "not_permitted")
    assert worker.post(f"/projects/{project.pk}/next").status_code == 204


def test_a_token_does_what_its_scopes_say(project, alice):
    narrow = Api(alice, scopes=["judge"])
    assert narrow.post(f"/projects/{project.pk}/next").status_code == 204
    assert narrow.get(f"/projects/{project.pk}/export").status_code == 403


def test_the_schema_names_every_call(client):
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    paths = {path for path in schema["paths"] if "project" in path or "assignment" in path or "snapshot" in path}
    assert {"/api/v1/projects/{project_id}/next", "/api/v1/assignments/{assignment_id}/judgement"} <= paths
