"""The reward model's fast path, refitted by itself: when it starts, what it is given, and what it writes back."""

import json
import shutil
import uuid
from pathlib import Path

import pytest
from django.conf import settings

from config.celery import app
from labeling.models import Item, Project, Snapshot
from labeling.services import import_records, lease_next, pause_project, submit_comparison
from models_registry.models import ModelVersion
from serving.models import ServedResponse
from tests.labeling.conftest import pair_lines
from tests.models_registry.making import make_version
from training import services
from training.errors import BadRunConfig, IllegalMove, NotReady
from training.models import RunStatus, TrainingRun
from training.services.build_config import build_config
from training.services.start_refit import refit_is_due, refit_threshold
from training.services.start_refresh import new_judgements_since_refresh
from training.triggers import start_due_refits, start_due_retraining

pytestmark = pytest.mark.django_db


@pytest.fixture
def active(judged_project, base) -> Project:
    """Judged, with a base model, and an order of items that follows the reward model."""
    judged_project.selection_policy = "soft4"
    judged_project.save(update_fields=["selection_policy"])
    return judged_project


def finished(run: TrainingRun, tiny_model, **result) -> TrainingRun:
    """The recipe has left a model and its result; the worker that holds the run settles it."""
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    shutil.copytree(tiny_model, run.directory / "model", dirs_exist_ok=True)
    whole = {"artifacts": {"model": "model"}, "figures": {}, "evaluations": []} | result
    (run.directory / "result.json").write_text(json.dumps(whole))
    services.finish_run(run=claimed, exit_code=0)
    return TrainingRun.objects.get(pk=run.pk)


def judge_more(project, alice, bob, count: int) -> None:
    import_records(project=project, by=alice, lines=pair_lines(count, start=1000 + Item.objects.count()))
    for _ in range(count):
        assignment = lease_next(project=project, by=bob)
        assert assignment is not None
        submit_comparison(assignment=assignment, by=bob, client_id=uuid.uuid4(), choice="a", strength=1)


def test_it_starts_by_itself_once_under_an_active_policy(active):
    (run,) = start_due_refits()
    assert (run.recipe, run.config, run.chain_id, run.created_by) == (
        "reward_model", {"method": "features"}, None, None,
    )  # fmt: skip
    assert run.why == "60 new judgements"
    assert run.is_refit
    assert run.snapshot == Snapshot.objects.get()
    assert start_due_refits() == [], "one is under way"


def test_the_next_one_waits_until_enough_is_new_also_after_a_failure(active, alice, bob):
    (run,) = start_due_refits()
    claimed = services.claim_run(run_id=run.pk)
    services.finish_run(run=claimed, exit_code=1)
    judge_more(active, alice, bob, 19)
    assert start_due_refits() == []
    judge_more(active, alice, bob, 1)
    assert [run.why for run in start_due_refits()] == ["20 new judgements"]


def test_a_large_project_waits_for_a_share_of_what_it_has(active):
    (run,) = start_due_refits()
    assert refit_threshold(active) == 20
    Snapshot.objects.update(judgement_count=5000)
    assert refit_threshold(active) == 100
    active.refit_after = 400
    assert refit_threshold(active) == 400


def test_a_project_of_another_policy_refits_only_when_it_says_so(judged_project, base):
    assert not refit_is_due(judged_project)
    assert start_due_refits() == []
    judged_project.refit_after = 50
    judged_project.save()
    (run,) = start_due_refits()
    config = build_config(run)
    assert config["method"] == "features"
    assert "open_items" not in config


def test_a_paused_or_archived_project_does_not_refit(active, alice):
    pause_project(project=active, by=alice)
    assert start_due_refits() == []
    Project.objects.update(paused_at=None, archived_at=active.created_at)
    assert start_due_refits() == []


def test_what_is_missing_is_said(project, alice):
    with pytest.raises(NotReady, match="needs 20 judgements.*there are 0"):
        services.start_refit(project=project, by=alice, why="")
    assert start_due_refits() == []
    assert not TrainingRun.objects.exists(), "nor is a base prepared for nothing"


def test_two_are_not_started_side_by_side(active, alice):
    services.start_refit(project=active, by=alice, why="by hand")
    with pytest.raises(NotReady, match="being refitted already"):
        services.start_refit(project=active, by=alice, why="again")


def test_a_refit_neither_hinders_nor_postpones_the_whole_training(active, alice, bob):
    active.retrain_after = 60
    active.save()
    start_due_refits()
    assert new_judgements_since_refresh(active) == 60
    assert len(start_due_retraining()) == 3
    assert new_judgements_since_refresh(active) == 0


def test_it_has_a_queue_of_its_own(active, django_capture_on_commit_callbacks):
    routes = {name: options["queue"] for name, options in settings.CELERY_TASK_ROUTES.items()}
    assert routes["training.tasks.execute_refit_task"] == "fast"
    assert "training.tasks.execute_refit_task" in app.tasks
    sent = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute_refit_task", "execute_run_task"):
            task = app.tasks[f"training.tasks.{name}"]
            patch.setattr(task, "apply_async", lambda args, name=name, **options: sent.append((name, *args)))
        with django_capture_on_commit_callbacks(execute=True):
            (refit,) = start_due_refits()
            runs = services.start_refresh(project=active, by=None, why="")
    assert sent[:2] == [("execute_refit_task", refit.pk), ("execute_run_task", runs[0].pk)]


def test_the_recipe_is_given_the_open_items_and_the_projects_settings(active, alice):
    import_records(project=active, by=alice, lines=pair_lines(30))
    active.random_share = 0.2
    active.save()
    (run,) = start_due_refits()
    run = TrainingRun.objects.select_related("project", "snapshot").get(pk=run.pk)
    config = build_config(run)
    chosen = {name: config[name] for name in ("selection_policy", "random_share", "batch", "seed", "seconds_to_read")}
    assert chosen == {
        "selection_policy": "soft4", "random_share": 0.2, "batch": 64, "seed": run.pk, "seconds_to_read": 20.0,
    }  # fmt: skip
    rows = [json.loads(line) for line in (run.directory / "open_items.jsonl").read_text().splitlines()]
    assert config["open_items"] == str(run.directory / "open_items.jsonl")
    assert [row["item_id"] for row in rows] == list(
        Item.objects.open().filter(prompt__held_out=False).order_by("pk").values_list("pk", flat=True)
    )
    assert json.loads((run.directory / "config.json").read_text()) == config


def test_the_recipe_is_given_what_users_were_answered(active, alice, tmp_path, tiny_model):
    version = make_version(alice, active.pk, tmp_path, kind="base", name="Base")
    asked = [{"role": "user", "content": "What is tea?"}]
    ServedResponse.objects.bulk_create(
        ServedResponse(
            organisation=active.organisation, project=active, version=version, stage="production", propensity=1,
            messages=asked, text=f"Answer {number}", status=status,
        )
        for number in range(3)
        for status in ("complete", "interrupted")
    )  # fmt: skip
    (run,) = start_due_refits()
    run = TrainingRun.objects.select_related("project", "snapshot").get(pk=run.pk)
    given = Path(build_config(run)["served_answers"])
    rows = [json.loads(line) for line in given.read_text().splitlines()]
    assert sorted(row["response"] for row in rows) == ["Answer 0", "Answer 1", "Answer 2"]
    assert all(row["prompt"] == asked for row in rows)
    assert finished(run, tiny_model).status == RunStatus.SUCCEEDED
    assert not given.exists(), "users' conversations are not left lying"


def test_nobody_points_a_run_at_open_items_of_their_own(project, alice):
    config = {"method": "features", "open_items": "/etc/passwd", "selection_policy": "soft4"}
    with pytest.raises(BadRunConfig, match="open_items, selection_policy is filled in"):
        services.create_run(project=project, by=alice, recipe="reward_model", config=config)


def test_success_rewrites_the_queue_and_keeps_no_copy_of_it(active, alice, tiny_model):
    import_records(project=active, by=alice, lines=pair_lines(30))
    (run,) = start_due_refits()
    run = TrainingRun.objects.select_related("project", "snapshot").get(pk=run.pk)
    build_config(run)
    ids = [json.loads(line)["item_id"] for line in (run.directory / "open_items.jsonl").read_text().splitlines()]
    lines = [
        {"item_id": pk, "priority": -pk, "policy": "random" if pk == ids[0] else "soft4", "propensity": 0.3, "score": 1}
        for pk in ids
    ]
    (run.directory / "priorities.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = finished(run, tiny_model, priorities="priorities.jsonl")
    assert (done.status, done.error) == (RunStatus.SUCCEEDED, "")
    assert done.result["priorities_written"] == {"written": len(ids), "closed": 0, "left": 0}
    placed = Item.objects.filter(pk__in=ids).order_by("-priority")
    assert list(placed.values_list("pk", flat=True)) == ids
    assert [item.policy for item in placed[:2]] == ["random", "soft4"]
    assert not (run.directory / "open_items.jsonl").exists()
    assert not (run.directory / "priorities.jsonl").exists()
    version = ModelVersion.objects.get(run_id=run.pk)
    assert (version.kind, version.method) == ("reward_model", "features")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("../priorities.jsonl", "outside its directory"),
        ("priorities.jsonl", "did not leave it"),
    ],
)
def test_a_file_that_is_not_as_agreed_fails_the_run_and_registers_nothing(active, tiny_model, named, why):
    (run,) = start_due_refits()
    done = finished(run, tiny_model, priorities=named)
    assert done.status == RunStatus.FAILED
    assert why in done.error
    assert not ModelVersion.objects.filter(kind="reward_model").exists()


def test_a_worker_that_lost_the_run_moves_no_item(active, alice, tiny_model):
    import_records(project=active, by=alice, lines=pair_lines(5))
    (run,) = start_due_refits()
    stale = services.claim_run(run_id=run.pk)
    TrainingRun.objects.update(status="queued")
    newer = services.claim_run(run_id=run.pk)
    before = list(Item.objects.order_by("pk").values_list("priority", flat=True))
    lines = [
        {"item_id": pk, "priority": 1.0, "policy": "soft4", "propensity": 1, "score": None}
        for pk in Item.objects.open().values_list("pk", flat=True)
    ]
    (run.directory / "priorities.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = {"artifacts": {}, "figures": {}, "evaluations": [], "priorities": "priorities.jsonl"}
    (run.directory / "result.json").write_text(json.dumps(result | {"artifacts": {"model": "model"}}))
    shutil.copytree(tiny_model, run.directory / "model")
    with pytest.raises(IllegalMove):
        services.finish_run(run=stale, exit_code=0)
    assert list(Item.objects.order_by("pk").values_list("priority", flat=True)) == before
    services.finish_run(run=newer, exit_code=0)
    assert TrainingRun.objects.get().status == RunStatus.SUCCEEDED


def test_the_list_of_runs_leaves_out_replaced_refits_until_asked(active, alice, client):
    runs = []
    for _ in range(3):
        runs.append(services.start_refit(project=active, by=alice, why=""))
        TrainingRun.objects.filter(pk=runs[-1].pk).update(status="succeeded", finished_at=active.created_at)
    plain = services.create_run(project=active, by=alice, recipe="prepare_base")
    bare = services.create_run(project=active, by=alice, recipe="reward_model")
    assert set(TrainingRun.objects.refreshes()) == {plain, bare}
    client.force_login(alice.user)
    for address in (f"/projects/{active.pk}/runs/", "/runs/"):
        page = client.get(address).content.decode()
        assert [f"/runs/{run.pk}/" in page for run in (*runs, plain, bare)] == [False, False, True, True, True]
        assert "2 earlier refits" in page
        assert all(f"/runs/{run.pk}/" in client.get(f"{address}?all=1").content.decode() for run in runs)
    assert "Reward model, refit" in client.get(f"/runs/{runs[2].pk}/").content.decode()


def test_the_summary_tells_of_the_last_refit_and_the_next(active, alice, bob, client):
    client.force_login(alice.user)
    address = f"/projects/{active.pk}/runs/summary"
    page = " ".join(client.get(address).content.decode().split())
    assert "has not been fitted yet. The next refit is due, and starts by itself." in page
    run = services.start_refit(project=active, by=alice, why="")
    TrainingRun.objects.update(status="succeeded", finished_at=active.created_at)
    judge_more(active, alice, bob, 3)
    page = " ".join(client.get(address).content.decode().split())
    assert f"/runs/{run.pk}/" in page
    assert "3 of 20 new judgements until the next refit, which puts the open items" in page
    assert "<table>" not in page, "a refit is no training of its own"
