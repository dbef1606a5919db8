"""Runs as rows: who may move them, and when."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.errors import NotPermitted
from accounts.models import AuditEvent
from training import services
from training.errors import BadRunConfig, IllegalMove
from training.models import RunStatus, TrainingRun
from training.states import FINISHED, MOVES, move_status


@pytest.fixture
def run(alice, project) -> TrainingRun:
    return services.create_run(project=project, by=alice, recipe="prepare_base")


def test_every_status_is_in_the_table_and_success_is_final():
    assert set(MOVES) == set(RunStatus)
    assert not MOVES[RunStatus.SUCCEEDED]
    assert all(RunStatus.RUNNING not in MOVES[status] for status in FINISHED)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_claim_a_run_exactly_one_gets_it(run):
    claimed, start = [], threading.Barrier(8)

    def claim() -> None:
        start.wait()
        claimed.append(services.claim_run(run_id=run.pk))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [c.fence for c in claimed if c] == [1]


def test_a_run_is_not_claimed_before_the_one_it_waits_for_has_succeeded(run, alice, project):
    follower = services.create_run(project=project, by=alice, recipe="reward_model", after=run)
    assert services.claim_run(run_id=follower.pk) is None
    TrainingRun.objects.filter(pk=run.pk).update(status="succeeded", finished_at=now())
    assert services.claim_run(run_id=follower.pk).pk == follower.pk


def test_a_stale_copy_cannot_move_a_run(run):
    stale = TrainingRun.objects.get(pk=run.pk)
    services.claim_run(run_id=run.pk)
    with pytest.raises(IllegalMove, match="no longer queued"):
        move_status(stale, to=RunStatus.CANCELLED)
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.RUNNING


def test_a_move_that_the_table_does_not_have_is_refused(run):
    with pytest.raises(IllegalMove, match="queued cannot become succeeded"):
        move_status(run, to=RunStatus.SUCCEEDED)


def _silence(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=now() - timedelta(hours=1))


def test_a_lost_run_is_queued_again_and_given_up_after_the_last_attempt(run, settings):
    settings.RUN_MAX_ATTEMPTS = 2
    first = services.claim_run(run_id=run.pk)
    _silence(run)
    services.sweep_runs()
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.QUEUED
    second = services.claim_run(run_id=run.pk)
    assert (first.fence, second.fence) == (1, 2)
    _silence(run)
    services.sweep_runs()
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert "lost 2 times" in run.error


def test_a_run_that_gets_further_each_time_is_resumed_however_often_its_machine_stops(run, settings):
    settings.RUN_MAX_ATTEMPTS = 2
    for step in (10, 20, 30, 40):
        assert services.claim_run(run_id=run.pk).attempts == 1
        TrainingRun.objects.update(step=step)
        _silence(run)
        services.sweep_runs()
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.QUEUED


def test_a_run_that_beats_is_left_alone(run):
    services.claim_run(run_id=run.pk)
    services.sweep_runs()
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.RUNNING


def test_who_was_declared_dead_cannot_end_the_run(run):
    dead = services.claim_run(run_id=run.pk)
    _silence(run)
    services.sweep_runs()
    services.claim_run(run_id=run.pk)
    for exit_code in (0, 1):
        with pytest.raises(IllegalMove):
            services.finish_run(run=dead, exit_code=exit_code)
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.RUNNING


def test_followers_are_cancelled_with_a_sentence_and_come_back_with_a_retry(run, alice, project):
    second = services.create_run(project=project, by=alice, recipe="reward_model", after=run)
    third = services.create_run(project=project, by=alice, recipe="grpo", after=second)
    services.cancel_run(run=run, by=alice)
    third.refresh_from_db()
    assert third.status == RunStatus.CANCELLED
    assert f"run {second.pk} (Reward model), which it waits for, was cancelled" in third.error
    with pytest.raises(IllegalMove, match="retry that one first"):
        services.retry_run(run=third, by=alice)
    services.retry_run(run=run, by=alice)
    assert set(TrainingRun.objects.values_list("status", flat=True)) == {RunStatus.QUEUED}


def test_the_sweeper_cancels_what_waits_for_a_failed_run(run, alice, project):
    follower = services.create_run(project=project, by=alice, recipe="reward_model", after=run)
    TrainingRun.objects.filter(pk=run.pk).update(status="failed", finished_at=now())
    services.sweep_runs()
    follower.refresh_from_db()
    assert follower.status == RunStatus.CANCELLED
    assert "failed" in follower.error


def test_a_finished_run_cannot_be_cancelled_and_a_queued_one_not_retried(run, alice):
    with pytest.raises(IllegalMove):
        services.retry_run(run=run, by=alice)
    services.cancel_run(run=run, by=alice)
    with pytest.raises(IllegalMove, match="ended already"):
        services.cancel_run(run=run, by=alice)


def test_only_who_may_start_runs_starts_cancels_and_retries(run, bob, project):
    with pytest.raises(NotPermitted):
        services.create_run(project=project, by=bob, recipe="prepare_base")
    with pytest.raises(NotPermitted):
        services.cancel_run(run=run, by=bob)
    with pytest.raises(NotPermitted):
        services.retry_run(run=run, by=bob)


def test_starting_is_on_the_audit_trail(run, alice):
    event = AuditEvent.objects.get(verb="run created")
    assert (event.actor, event.object_id) == (alice.user, str(run.pk))


@pytest.mark.parametrize(
    ("recipe", "config", "says"),
    [
        ("brew", {}, "no recipe 'brew'"),
        ("sft", {}, "needs demonstrations"),
        ("reward_model", {"base_dir": "/etc"}, "filled in by Accord"),
        ("prepare_base", {"source": "/srv/models/other"}, "ACCORD_BASE_MODEL"),
        ("prepare_base", {"source": "../../models/abc"}, "ACCORD_BASE_MODEL"),
        ("evaluate", {"judge_url": "http://169.254.169.254/"}, "the engine that the administrator has set"),
    ],
)
def test_what_a_person_may_not_set_is_refused(recipe, config, says, alice, project):
    with pytest.raises(BadRunConfig, match=says):
        services.create_run(project=project, by=alice, recipe=recipe, config=config)


def test_a_broker_that_is_down_does_not_fail_the_request(alice, project, caplog, django_capture_on_commit_callbacks):
    from celery import current_app
    from celery.app.amqp import AMQP

    current_app.conf.broker_url, known = "redis://127.0.0.1:1/0", current_app.conf.broker_url
    amqp, current_app.amqp = current_app.amqp, AMQP(current_app)
    pool, current_app._pool = current_app._pool, None
    try:
        with django_capture_on_commit_callbacks(execute=True):
            run = services.create_run(project=project, by=alice, recipe="prepare_base")
    finally:
        current_app.conf.broker_url, current_app.amqp, current_app._pool = known, amqp, pool
    assert TrainingRun.objects.get(pk=run.pk).status == RunStatus.QUEUED
    with django_capture_on_commit_callbacks() as sent:
        services.sweep_runs()
    assert len(sent) == 1
    assert "Connection refused" in caplog.text


def test_no_recipe_reads_a_path_that_a_person_could_set():
    """A setting that is a path would let one organisation's run read another's files."""
    from importlib import import_module

    from training.models import Recipe
    from training.services.check_config import RESOLVED

    for recipe in Recipe.values:
        config = import_module(f"training.recipes.{recipe}").Config
        paths = {name for name in config.__dataclass_fields__ if name.endswith(("_dir", "_path", "_file"))}
        assert paths <= RESOLVED, recipe
