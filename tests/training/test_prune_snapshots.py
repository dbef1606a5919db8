"""Snapshots of refits: whose files go, whose stay, and what webhooks are told of them."""

import os
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import now

from labeling.models import Snapshot
from labeling.services import delete_left_behind, freeze_snapshot
from models_registry.models import ModelVersion, Stage
from tests.labeling.conftest import Api
from tests.training.test_refit import active, finished, judge_more  # noqa: F401 - a fixture
from training import services
from training.models import Recipe, TrainingRun
from training.tasks import prune_snapshots_task
from training.triggers import start_due_refits
from webhooks.models import WebhookDelivery
from webhooks.services import create_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def refits(active, alice, bob, tiny_model) -> list[TrainingRun]:  # noqa: F811
    """Three, one replaced by the next, all of them long ago."""
    runs = []
    for number in range(3):
        if number:
            judge_more(active, alice, bob, 30)
        (run,) = start_due_refits()
        runs.append(finished(run, tiny_model))
    Snapshot.objects.update(created_at=now() - timedelta(days=3))
    return runs


def kept(runs) -> list[bool]:
    there = [Snapshot.objects.get(pk=run.snapshot_id) for run in runs]
    assert [each.pruned_at is None for each in there] == [each.directory.is_dir() for each in there]
    return [each.pruned_at is None for each in there]


def prune(capture) -> None:
    with capture(execute=True):
        prune_snapshots_task()


def test_replaced_refits_lose_their_files_and_the_newest_keeps_them(refits, django_capture_on_commit_callbacks):
    prune(django_capture_on_commit_callbacks)
    assert kept(refits) == [False, False, True]
    assert list(settings.SNAPSHOTS_DIR.iterdir()) == [refits[2].snapshot.directory]
    assert Snapshot.objects.count() == 3, "the rows are lineage"


def test_a_setting_keeps_them_longer_or_for_ever(refits, settings, django_capture_on_commit_callbacks):
    for hours in (100, 0):
        settings.SNAPSHOT_KEEP_HOURS = hours
        prune(django_capture_on_commit_callbacks)
        assert kept(refits) == [True, True, True]


def test_what_a_version_in_use_a_run_or_a_person_stands_on_is_kept(
    refits, alice, base, tiny_model, django_capture_on_commit_callbacks
):
    first, second, third = refits
    version = ModelVersion.objects.filter(snapshot_id=first.snapshot_id)
    assert version.update(stage=Stage.RETIRED) == 1
    other = services.create_run(
        project=second.project,
        by=alice,
        recipe=Recipe.REWARD_MODEL,
        config={"method": "lora"},
        snapshot=second.snapshot,
    )
    prune(django_capture_on_commit_callbacks)
    assert kept(refits) == [True, True, True]
    version.update(stage=Stage.CANDIDATE)
    other.delete()
    # A policy was trained with the first one's reward model.
    policy = services.create_run(project=first.project, by=alice, recipe=Recipe.GRPO, snapshot=third.snapshot)
    TrainingRun.objects.filter(pk=policy.pk).update(inputs={"reward_model": version.get().pk})
    Snapshot.objects.filter(pk=second.snapshot_id).update(created_by=alice.user)
    prune(django_capture_on_commit_callbacks)
    assert kept(refits) == [True, True, True]


def test_frozen_again_the_files_are_back_under_the_same_hash(refits, alice, client, django_capture_on_commit_callbacks):
    newest = Snapshot.objects.get(pk=refits[2].snapshot_id)
    # As if a later refit had replaced it.
    Snapshot.objects.filter(pk=refits[1].snapshot_id).update(last_judgement_id=newest.last_judgement_id + 1)
    prune(django_capture_on_commit_callbacks)
    newest.refresh_from_db()
    assert newest.pruned_at
    client.force_login(alice.user)
    page = f"/projects/{newest.project_id}/snapshots/{newest.pk}/"
    assert "a later refit replaced that one" in client.get(page).content.decode()
    answer = Api(alice).get(f"/snapshots/{newest.pk}/files/train.jsonl")
    assert answer.status_code == 404
    assert "deleted" in answer.json()["error"]["message"]
    assert Api(alice).get(f"/snapshots/{newest.pk}").json()["pruned_at"]
    again = freeze_snapshot(project=newest.project, by=alice)
    assert (again.pk, again.pruned_at) == (newest.pk, None)
    assert (newest.directory / "train.jsonl").is_file()


def test_directories_that_no_row_names_are_deleted_once_they_are_old(refits):
    root = settings.SNAPSHOTS_DIR
    old, young, strange = root / ("a" * 64), root / "making-x", root / "notes"
    for directory in (old, young, strange):
        directory.mkdir()
    long_ago = time.time() - 86400
    for directory in (old, strange, refits[0].snapshot.directory):
        os.utime(directory, (long_ago, long_ago))
    assert delete_left_behind() == 1
    assert not old.exists()
    assert young.exists()
    assert strange.exists()
    assert refits[0].snapshot.directory.exists()


def test_webhooks_are_told_of_what_a_person_asked_for_and_of_failures_alone(active, alice, bob, tiny_model, settings):  # noqa: F811
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    create_webhook(by=alice, name="all", url="http://127.0.0.1:9/", events=["snapshot.frozen", "run.finished"])
    (run,) = start_due_refits()
    finished(run, tiny_model)
    assert not WebhookDelivery.objects.exists()
    judge_more(active, alice, bob, 30)
    finished(services.start_refit(project=active, by=alice, why="asked"), tiny_model)
    assert sorted(WebhookDelivery.objects.values_list("kind", flat=True)) == ["run.finished", "snapshot.frozen"]
    judge_more(active, alice, bob, 30)
    (run,) = start_due_refits()
    claimed = services.claim_run(run_id=run.pk)
    services.finish_run(run=claimed, exit_code=1)
    assert WebhookDelivery.objects.filter(kind="run.finished").count() == 2
    assert WebhookDelivery.objects.count() == 3
