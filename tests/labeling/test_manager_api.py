"""The manager's side over the API: the same services, the same refusals."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.permissions import Role
from labeling.models import Assignment, Item
from labeling.services import freeze_snapshot, import_records, lease_next, report_item, submit_comparison, undo_last
from tests.cast import make_member
from tests.labeling.conftest import Api, judge_next, pair_lines


@pytest.fixture
def api(alice):
    return Api(alice)


def code_of(response):
    return response.json()["error"]["code"]


def test_a_project_begins_from_a_setup_and_says_what_stands_in_its_way(api):
    setup = next(each for each in api.get("/setups").json() if each["name"] == "hhh")
    made = api.post("/projects", {name: setup[name] for name in ("design", "guidelines")} | {"name": "N", "overlap": 3})
    assert made.status_code == 201
    assert [warning["code"] for warning in made.json()["warnings"]] == ["overlap_too_large"]
    path = f"/projects/{made.json()['id']}"
    assert [axis["name"] for axis in made.json()["design"]["comparison"]["axes"]] == ["helpful", "honest", "harmless"]
    assert api.patch(path, {"overlap": 1}).json()["warnings"] == []
    assert "only 1 may judge" in api.patch(path, {"overlap": 2}).json()["warnings"][0]["message"]
    assert api.get(path).json()["warnings"][0]["code"] == "overlap_too_large"


def test_a_change_of_axes_after_judgements_is_warned_of(api, project, bob, add_pairs):
    add_pairs(1)
    judge_next(project, bob)
    axes = {"comparison": {"axes": [{"name": "honest", "word": "Honest"}]}}
    changed = api.patch(f"/projects/{project.pk}", {"design": axes}).json()
    assert [warning["code"] for warning in changed["warnings"]] == ["judged_before"]


def test_items_are_counted_and_then_made(api, project, alice):
    import_records(project=project, by=alice, lines=pair_lines(3), make_items=False)
    assert api.post(f"/projects/{project.pk}/items/count", {}).json() == {"would_make": 3}
    assert not Item.objects.exists()
    assert api.post(f"/projects/{project.pk}/items/count", {"policy": "best"}).status_code == 422
    assert api.post(f"/projects/{project.pk}/items", {}).json()["made"] == 3
    assert api.post(f"/projects/{project.pk}/items/count", {}).json() == {"would_make": 0}


def test_the_queue_is_paged_and_tells_who_has_what(api, project, bob, add_pairs):
    add_pairs(60)
    held = lease_next(project=project, by=bob)
    path = f"/projects/{project.pk}/queue"
    first = api.get(path).json()
    second = api.get(path, before=first["next"]).json()
    ids = [row["item"]["id"] for row in first["results"] + second["results"]]
    assert (len(set(ids)), first["count"], first["count_is_bounded"], second["next"]) == (60, 60, False, None)
    (row,) = api.get(path, state="leased", person=bob.user_id, kind="comparison").json()["results"]
    assert (row["item"]["id"], row["held"]) == (held.item_id, 1)
    assert row["people"][0]["person"] == {"id": bob.user_id, "name": "Bob", "is_simulated": False}
    assert api.get(path, state="lost").status_code == 422
    assert api.get(path, colour="red").status_code == 422


def test_items_are_changed_in_bulk_and_it_is_undone(api, project, bob, add_pairs):
    add_pairs(3)
    path = f"/projects/{project.pk}/bulk-actions"
    made = api.post(path, {"act": "withdraw", "filter": {}})
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["changed"], made.json()["may_be_undone"]) == ("done", 3, True)
    assert lease_next(project=project, by=bob) is None
    action = made.json()["id"]
    assert api.get(path).json()["results"][0]["id"] == action
    undone = api.post(f"/bulk-actions/{action}/undo").json()
    assert (undone["state"], undone["restored"], undone["not_restored"]) == ("undone", 3, 0)
    assert code_of(api.post(f"/bulk-actions/{action}/undo")) == "conflict"
    assert api.get(f"/bulk-actions/{action}").json() == undone
    item = Item.objects.first().pk
    raised = api.post(path, {"act": "overlap", "items": [item], "overlap": 7}).json()
    assert [warning["code"] for warning in raised["warnings"]] == ["overlap_too_large"]
    assert api.post(path, {"act": "priority", "items": [item], "priority": 3.5}).json()["changed"] == 1
    assert api.post(path, {"act": "reserve", "items": [item], "person": bob.user_id}).json()["changed"] == 1
    assert api.post(path, {"act": "reserve", "items": [item], "person": None}).json()["changed"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "act"),
        ({"act": "burn", "filter": {}}, "act"),
        ({"act": "withdraw"}, "ids"),
        ({"act": "withdraw", "items": [0]}, "items"),
        ({"act": "withdraw", "items": [10**12]}, "ids"),
        ({"act": "withdraw", "filter": {"state": "x"}}, "state"),
        ({"act": "overlap", "filter": {}, "overlap": 0}, "overlap"),
        ({"act": "withdraw", "filter": {}, "extra": 1}, "extra"),
        ([], "non_field_errors"),
    ],
)
def test_a_bulk_action_that_makes_no_sense_is_refused_with_the_field(api, project, add_pairs, body, field):
    add_pairs(1)
    refused = api.post(f"/projects/{project.pk}/bulk-actions", body)
    assert refused.status_code == 422
    assert field in refused.json()["error"]["fields"]
    assert Item.objects.standing().count() == 1


def test_an_item_is_previewed_without_naming_a_model(api, project, add_pairs):
    add_pairs(1)
    shown = api.get(f"/items/{Item.objects.get().pk}/preview").json()
    assert [response["label"] for response in shown["responses"]] == ["a", "b"]
    assert shown["ask"]["strengths"] == 3
    assert '"one"' not in json.dumps(shown)


def test_reports_are_listed_answered_and_seen_by_their_maker(api, project, bob, add_pairs):
    add_pairs(1)
    report = report_item(assignment=lease_next(project=project, by=bob), by=bob, note="Broken.")
    (listed,) = api.get(f"/projects/{project.pk}/reports").json()["results"]
    assert (listed["note"], listed["by"]["name"]) == ("Broken.", "Bob")
    assert api.post(f"/reports/{report.pk}/resolve", {"answer": "Skip it."}).json()["answer"] == "Skip it."
    assert code_of(api.post(f"/reports/{report.pk}/resolve", {})) == "conflict"
    assert Api(bob).get("/reports").json()["results"][0]["answer"] == "Skip it."
    assert api.get("/reports").json()["results"] == []
    assert api.get(f"/projects/{project.pk}/reports", state="answered").json()["results"][0]["id"] == report.pk


def test_annotators_are_counted_tagged_and_paused(api, project, bob, add_pairs):
    add_pairs(1)
    held = lease_next(project=project, by=bob)
    Assignment.objects.update(first_leased_at=held.leased_at - timedelta(minutes=1))
    submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="tie", active_ms=900)
    rows = {row["person"]["id"]: row for row in api.get(f"/projects/{project.pk}/annotators").json()}
    assert (rows[bob.user_id]["judged"], rows[bob.user_id]["median_active_ms"]) == (1, 900)
    changed = api.patch(f"/annotators/{bob.pk}", {"tags": ["skill:x"], "paused": True}).json()
    assert changed["tags"] == ["skill:x"]
    assert changed["paused_at"]
    assert code_of(Api(bob).post(f"/projects/{project.pk}/next")) == "not_eligible"
    assert api.patch(f"/annotators/{bob.pk}", {"tags": ["x"]}).status_code == 422


def test_judgements_are_read_in_words_page_by_page(api, project, bob, add_pairs):
    add_pairs(55)
    while judge_next(project, bob):
        pass
    undo_last(project=project, by=bob)
    first = api.get(f"/projects/{project.pk}/judgements").json()
    second = api.get(f"/projects/{project.pk}/judgements", before=first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (50, 5, None)
    assert first["results"][0]["retracted_at"]
    assert "clearly better" in first["results"][1]["said"][0]["said"]


def test_frozen_files_are_downloaded(api, project, bob, alice, add_pairs):
    add_pairs(1)
    judge_next(project, bob)
    snapshot = freeze_snapshot(project=project, by=alice)
    manifest = json.loads(b"".join(api.get(f"/snapshots/{snapshot.pk}/files/manifest.json")))
    assert manifest["content_hash"] == snapshot.content_hash
    assert api.get(f"/snapshots/{snapshot.pk}/files/other").status_code == 404


GETS = [
    "projects/{p}/queue", "projects/{p}/bulk-actions", "items/{i}/preview", "projects/{p}/judgements",
    "projects/{p}/reports", "projects/{p}/annotators", "snapshots/{s}/files/manifest.json",
]  # fmt: skip
MAY = {
    Role.ANNOTATOR: set(),
    Role.VIEWER: {0, 2},
    Role.REVIEWER: {0, 2, 3, 4},
    Role.ENGINEER: {0, 1, 2, 5, 6},
    Role.MANAGER: {0, 1, 2, 3, 4, 5, 6},
}


@pytest.fixture
def places(project, alice, bob, add_pairs):
    add_pairs(1)
    judge_next(project, bob)
    snapshot = freeze_snapshot(project=project, by=alice)
    return [path.format(p=project.pk, i=Item.objects.get().pk, s=snapshot.pk) for path in GETS]


@pytest.mark.parametrize("role", MAY)
def test_each_role_reads_what_is_its(project, places, role):
    as_role = Api(make_member(project.organisation, "x@example.org", role))
    answers = [as_role.get(f"/{path}") for path in places]
    assert {index for index, answer in enumerate(answers) if answer.status_code == 200} == MAY[role]
    for answer in answers:
        b"".join(answer)  # a file that was opened is closed at its end
    if role not in (Role.MANAGER, Role.ENGINEER):
        for path in (f"/projects/{project.pk}/bulk-actions", f"/projects/{project.pk}/items/count"):
            assert as_role.post(path, {"act": "withdraw", "filter": {}}).status_code == 403


def test_another_organisations_are_not_found(project, places, charlie, api, bob):
    action = api.post(f"/projects/{project.pk}/bulk-actions", {"act": "withdraw", "filter": {}}).json()["id"]
    stranger = Api(charlie)
    assert [stranger.get(f"/{path}").status_code for path in places] == [404] * len(places)
    assert stranger.get(f"/bulk-actions/{action}").status_code == 404
    assert stranger.post(f"/bulk-actions/{action}/undo").status_code == 404
    assert stranger.patch(f"/annotators/{bob.pk}", {"paused": True}).status_code == 404
