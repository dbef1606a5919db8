"""The client against the real web server."""

import gzip
import json
import threading
import time
from uuid import uuid4

import pytest
from django.utils.timezone import now

from accord import AccordError, Assignment, Client, Skip
from labeling.models import Assignment as AssignmentRow
from models_registry.models import ModelVersion
from tests.client.conftest import ROWS
from tests.models_registry.making import make_version
from training.models import TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)


def prefer_the_longer(assignment: Assignment) -> dict[str, object]:
    longest = max(assignment.responses, key=lambda response: len(response.text))
    return {"choice": longest.label, "strength": 2}


@pytest.fixture
def filled(connect, alice):
    """Alice's client and a project with six items."""
    client = connect(alice)
    project = client.projects.create("Eggs", guidelines="Right before short.")
    client.import_rows(project, ROWS, progress=False)
    return client, project


def test_a_project_is_set_up_listed_read_changed_paused_and_resumed(connect, alice):
    client = connect(alice)
    assert client.me()["email"] == "alice@example.org"
    made = [client.projects.create(f"Project {number}") for number in range(60)]
    # More than a page.
    assert [project.id for project in client.projects.list()] == [project.id for project in reversed(made)]
    changed = client.projects.change(made[0], purpose="Better eggs", overlap=2)
    assert (changed.purpose, changed.overlap, changed.name) == ("Better eggs", 2, "Project 0")
    assert client.projects.pause(changed).paused_at is not None
    assert client.projects.resume(changed.id).paused_at is None
    read = client.projects.read(changed)
    assert read.figures["items"] == 0
    assert read.created_at is not None
    assert "slug" not in read.more


def test_rows_and_files_are_imported_with_what_was_refused(connect, alice, tmp_path):
    client = connect(alice)
    project = client.projects.create("Eggs")
    told = []
    report = client.import_rows(project, ({**row} for row in ROWS[:2]), progress=lambda p: told.append(str(p)))
    assert (report.created, report.items_made, report.rejected_count) == (2, 2, 0)
    assert "100%" in told[-1]
    path = tmp_path / "rows.ndjson.gz"
    lines = [json.dumps(row) for row in ROWS] + ["{ no json"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    report = client.import_file(project, path, source="survey", progress=False)
    assert (report.created, report.duplicates, report.rejected_count) == (4, 2, 1)
    assert report.rejected[0]["line"] == 7


def test_a_loop_judges_everything_and_skips_what_it_is_told_to(filled):
    client, project = filled
    seen = []

    def judge(assignment: Assignment) -> dict[str, object] | Skip:
        seen.append(assignment)
        return Skip("no egg") if "egg 3" in assignment.prompt[-1].content else prefer_the_longer(assignment)

    assert client.annotate(project, judge, limit=2, progress=False) == 2
    assert client.annotate(project, judge, progress=False) == 3
    assert len(seen) == 6
    assert client.next(project) is None
    assert client.projects.read(project).figures["judgements"] == 5
    assert {len(assignment.responses) for assignment in seen} == {2}
    assert {assignment.kind for assignment in seen} == {"comparison"}


def test_a_judgement_is_stored_once_however_often_it_is_sent(filled):
    client, project = filled
    assignment, client_id = client.next(project), uuid4()
    first = client.judge(assignment, client_id=client_id, choice="a", strength=1, reason="short")
    again = client.judge(assignment, client_id=client_id, choice="a", strength=1, reason="short")
    assert (first.id, first.client_id) == (again.id, client_id)
    assert not first.is_surplus
    assert first.more["choice"] == "a"
    with pytest.raises(AccordError) as refused:
        client.judge(assignment, choice="b", strength=1)
    assert (refused.value.code, refused.value.status) == ("already_judged", 409)


def test_drafts_heartbeats_skips_and_undo(filled):
    client, project = filled
    assignment = client.next(project)
    client.draft(assignment, {"reason": "half a"})
    assert client.next(project).draft == {"reason": "half a"}
    assert client.heartbeat(assignment).expires_at > assignment.expires_at
    client.skip(assignment, "unclear")
    following = client.next(project)
    assert following.id != assignment.id
    _, third = client.judge_and_next(following, choice="tie")
    assert third is not None
    client.skip(third)
    again = client.undo(following)
    assert (again.id, again.draft["choice"]) == (following.id, "tie")


def test_a_lease_is_held_while_the_judge_thinks(filled, monkeypatch):
    client, project = filled
    client.projects.change(project, lease_minutes=1)
    monkeypatch.setattr(Assignment, "lease_seconds", property(lambda self: 0.3))
    before = []

    def think(assignment: Assignment) -> dict[str, object]:
        before.append(assignment.expires_at)
        deadline = time.monotonic() + 20
        while AssignmentRow.objects.get(pk=assignment.id).expires_at <= assignment.expires_at:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return {"choice": "both_bad"}

    assert client.annotate(project, think, limit=1, progress=False) == 1
    assert threading.active_count() < 20


def test_an_error_of_the_judge_is_passed_on_and_nothing_is_judged(filled):
    client, project = filled

    def fail(assignment: Assignment) -> dict[str, object]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.annotate(project, fail, progress=False)
    assert client.projects.read(project).figures["judgements"] == 0
    assert client.next(project) is not None


def test_an_export_is_a_whole_file_or_none(filled, tmp_path):
    client, project = filled
    client.annotate(project, prefer_the_longer, progress=False)
    path = client.export_file(project, tmp_path / "all.jsonl", progress=False)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 6
    path = client.export_file(project, tmp_path / "pairs.jsonl", "preference", progress=False)
    assert {"prompt", "chosen", "rejected"} <= json.loads(path.read_text().splitlines()[0]).keys()
    with pytest.raises(AccordError) as refused:
        client.export_file(project, tmp_path / "odd.jsonl", "odd", progress=False)
    assert refused.value.status == 422
    assert "jsonl" in refused.value.message
    assert not (tmp_path / "odd.jsonl").exists()


def test_snapshots_are_frozen_listed_and_read(filled):
    client, project = filled
    with pytest.raises(AccordError, match="nothing_to_freeze"):
        client.snapshots.freeze(project)
    client.annotate(project, prefer_the_longer, progress=False)
    snapshot = client.snapshots.freeze(project)
    assert (snapshot.judgement_count, snapshot.project) == (6, project.id)
    assert client.snapshots.freeze(project).id == snapshot.id
    assert [each.id for each in client.snapshots.list(project)] == [snapshot.id]
    assert client.snapshots.read(snapshot).content_hash == snapshot.content_hash


def test_waiting_for_a_run_shows_how_far_it_is_and_says_why_it_failed(connect, alice, project):
    client = connect(alice)
    row = TrainingRun.objects.create(
        organisation=alice.organisation, project=project, recipe="grpo", status="running", total=10
    )
    seen = []

    def watch(progress) -> None:
        seen.append(progress.done)
        step = int(progress.done) + 5
        done = {"status": "succeeded", "finished_at": now()} if step > 10 else {}
        TrainingRun.objects.filter(pk=row.pk).update(step=min(step, 10), **done)

    with pytest.raises(AccordError) as late:
        client.runs.wait(row.pk, timeout_seconds=0, progress=False)
    assert late.value.code == "timeout"
    (run,) = client.runs.wait(row.pk, every_seconds=0.15, progress=watch)
    assert run.succeeded
    assert seen[0] == 0
    assert seen[-1] == 10
    TrainingRun.objects.filter(pk=row.pk).update(status="failed", error="The disk is full.")
    with pytest.raises(AccordError, match="The disk is full") as failed:
        client.runs.wait([run], progress=False)
    assert failed.value.code == "run_failed"
    assert [each.id for each in client.runs.list(project.pk)] == [row.pk]
    with pytest.raises(AccordError) as over:
        client.runs.cancel(row.pk)
    assert over.value.status == 409


def test_a_run_that_cannot_start_says_what_is_missing(connect, alice, project):
    with pytest.raises(AccordError) as refused:
        connect(alice).runs.start(project.pk)
    assert refused.value.status == 409


def test_versions_are_promoted_and_rolled_back(connect, alice, project, tmp_path):
    client = connect(alice)
    first = make_version(alice, project.pk, tmp_path, kind="base", name="Base")
    promotion = client.versions.promote(first.pk, "production", reason="the first")
    assert (promotion.version, promotion.from_stage, promotion.to_stage) == (first.pk, "candidate", "production")
    child = make_version(alice, project.pk, tmp_path, parent=first, base=first)
    with pytest.raises(AccordError) as closed:
        client.versions.promote(child.pk, "production", reason="hope")
    assert closed.value.code == "gate_closed"
    assert [each.id for each in client.versions.list(project.pk, kind="policy")] == [child.pk]
    assert client.versions.read(child.pk).gate["is_open"] is False
    with pytest.raises(AccordError, match="no earlier production version"):
        client.versions.roll_back(first.pk, reason="no")
    assert ModelVersion.objects.get(stage="production") == first


def test_refusals_carry_code_sentence_and_fields(connect, alice, bob, charlie, web_url, project):
    client = connect(alice)
    with pytest.raises(AccordError) as refused:
        client.projects.create("", overlap=99)
    assert refused.value.status == 422
    assert set(refused.value.fields) == {"name", "overlap"}
    with pytest.raises(AccordError) as refused:
        connect(bob).projects.create("Mine")
    assert (refused.value.code, refused.value.status) == ("not_permitted", 403)
    with pytest.raises(AccordError) as refused:
        connect(charlie).projects.read(project.pk)
    assert refused.value.code == "not_found"
    with Client(web_url, "acc_wrong") as stranger, pytest.raises(AccordError) as refused:
        stranger.me()
    assert (refused.value.code, refused.value.status) == ("not_signed_in", 401)
    with pytest.raises(AccordError) as refused:
        client.feedback("chatcmpl-1", thumb="up")
    assert refused.value.code == "no_gateway"
