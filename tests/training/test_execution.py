"""Runs as processes: real recipes on a tiny model, and what becomes of them when somebody interferes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db import connection
from django.utils.timezone import now

from models_registry.models import ModelVersion
from models_registry.services import artifact_path
from tests.training.conftest import DEMONSTRATIONS, wait_for
from training import services
from training.models import RunStatus, TrainingRun
from training.process import MARK, start_recipe, stop_processes

pytestmark = pytest.mark.django_db(transaction=True)


def _execute(run: TrainingRun) -> TrainingRun:
    claimed = services.claim_run(run_id=run.pk)
    assert claimed is not None
    services.execute_run(run=claimed)
    return TrainingRun.objects.get(pk=run.pk)


def _in_background(run: TrainingRun) -> threading.Thread:
    """The executor of a claimed run, in a thread that lives as long as the recipe."""

    def execute() -> None:
        services.execute_run(run=run)
        connection.close()

    thread = threading.Thread(target=execute)
    thread.start()
    return thread


def _processes(directory: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _steps_of(run: TrainingRun, at_least: int) -> bool:
    path = run.directory / "metrics.jsonl"
    return path.exists() and len(path.read_text().splitlines()) > at_least


def test_a_run_registers_what_it_made_once_and_starts_its_followers(prepare_run, alice, project):
    services.create_run(project=project, by=alice, recipe="sft", after=prepare_run, demonstrations=DEMONSTRATIONS,
                        config={"epochs": 1, "rank": 2})  # fmt: skip
    run = _execute(prepare_run)
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    assert run.step == run.total > 0
    version = ModelVersion.objects.get(run_id=run.pk)
    assert version.kind == "base"
    # The weights lie on the disk once.
    weights = run.directory / "model" / "model.safetensors"
    assert weights.samefile(artifact_path(version) / "model.safetensors")
    assert version.code_version.startswith("recipes-")
    follower = _execute(run.followers.get())
    policy = ModelVersion.objects.get(run_id=follower.pk)
    assert (policy.kind, policy.base, policy.stage) == ("policy", version, "production")
    assert json.loads((follower.directory / "config.json").read_text())["base_sha256"] == version.artifact_hash


def test_a_whole_refresh_ends_with_a_measured_policy_and_a_verdict(judged_project, alice, base):
    small = {
        "grpo": {"steps": 1, "prompts_per_step": 1, "max_completion_tokens": 4, "rank": 2},
        "evaluate": {"max_prompts": 4, "samples_per_prompt": 1, "max_completion_tokens": 4},
    }
    runs = services.start_refresh(project=judged_project, by=alice, why="a test", config=small)
    for run in runs:
        done = _execute(run)
        assert done.status == RunStatus.SUCCEEDED, done.error
    policy = ModelVersion.objects.get(kind="policy")
    scorer = ModelVersion.objects.get(kind="reward_model")
    assert (policy.run_id, policy.base, policy.snapshot_hash) == (runs[1].pk, base, runs[0].snapshot.content_hash)
    assert done.inputs == {"version": policy.pk, "base": base.pk, "reward_model": scorer.pk}
    assert {"win_rate", "reward_model_accuracy"} <= set(policy.evaluations.values_list("metric", flat=True))
    win_rate = policy.evaluations.get(metric="win_rate")
    assert win_rate.against == base
    assert win_rate.detail["reward_model"]["id"] == scorer.pk
    assert win_rate.detail["reward_model"]["snapshot"]["hash"] == win_rate.detail["snapshot"]["hash"]
    assert len(win_rate.detail["samples"]) > 0
    assert policy.gate_verdicts.count() == 1
    assert scorer.evaluations.exists()


def test_a_result_is_registered_once_even_if_its_worker_died_after_writing_it(prepare_run, tiny_model):
    """The recipe's last word is result.json; a second start finds it and does nothing."""
    shutil.copytree(tiny_model, prepare_run.directory / "model")
    result = {"artifacts": {"model": "model"}, "figures": {"bytes": 1}, "evaluations": []}
    (prepare_run.directory / "result.json").write_text(json.dumps(result))
    services.claim_run(run_id=prepare_run.pk)
    TrainingRun.objects.update(heartbeat_at=now() - timedelta(hours=1))
    services.sweep_runs()
    run = _execute(prepare_run)
    assert (run.status, run.attempts) == (RunStatus.SUCCEEDED, 2)
    assert "finished; nothing to do" in (run.directory / "log.txt").read_text()
    assert ModelVersion.objects.filter(run_id=run.pk).count() == 1
    # The message comes a second time, as brokers do.
    assert services.claim_run(run_id=run.pk) is None


def test_an_unknown_setting_fails_with_the_recipes_sentence(alice, project):
    run = _execute(services.create_run(project=project, by=alice, recipe="prepare_base", config={"sauce": "package"}))
    assert run.status == RunStatus.FAILED
    assert "sauce" in run.error
    assert "error: " in run.log_tail


def test_a_directory_of_pickles_fails_with_a_sentence(alice, project, tmp_path, settings):
    directory = tmp_path / "pickled"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    (directory / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    settings.BASE_MODEL = str(directory)
    run = _execute(services.create_run(project=project, by=alice, recipe="prepare_base"))
    assert run.status == RunStatus.FAILED
    assert "pickle" in run.error


def test_a_run_without_its_inputs_fails_with_a_sentence_and_cancels_what_waits(alice, project):
    run = services.create_run(project=project, by=alice, recipe="sft", demonstrations=DEMONSTRATIONS)
    follower = services.create_run(project=project, by=alice, recipe="evaluate", after=run)
    assert "no base model" in _execute(run).error
    follower.refresh_from_db()
    assert follower.status == RunStatus.CANCELLED


def test_success_without_a_result_or_with_an_empty_artifact_is_a_failure(prepare_run):
    claimed = services.claim_run(run_id=prepare_run.pk)
    services.finish_run(run=claimed, exit_code=0)
    prepare_run.refresh_from_db()
    assert "without a result" in prepare_run.error
    (prepare_run.directory / "model").mkdir()
    (prepare_run.directory / "model" / "model.safetensors").touch()
    (prepare_run.directory / "result.json").write_text(
        '{"artifacts": {"model": "model"}, "figures": {}, "evaluations": []}'
    )
    TrainingRun.objects.update(status="queued", finished_at=None)
    services.finish_run(run=services.claim_run(run_id=prepare_run.pk), exit_code=0)
    prepare_run.refresh_from_db()
    assert (prepare_run.status, ModelVersion.objects.count()) == (RunStatus.FAILED, 0)
    assert "empty or missing" in prepare_run.error


def test_progress_reaches_the_row_and_a_cancel_ends_every_process(sft_run, alice):
    thread = _in_background(services.claim_run(run_id=sft_run.pk))
    wait_for(lambda: TrainingRun.objects.filter(pk=sft_run.pk, step__gt=6).exists(), "progress on the row")
    # A child of the recipe's child, as a loader of data would be.
    nap = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '300'])"]
    environment = os.environ | {MARK: str(sft_run.directory)}
    child = subprocess.Popen(nap, env=environment, start_new_session=True)
    wait_for(lambda: len(_processes(sft_run.directory)) == 3, "recipe, child and grandchild")
    services.cancel_run(run=sft_run, by=alice)
    thread.join(30)
    assert child.wait(5) != 0
    assert not _processes(sft_run.directory)
    sft_run.refresh_from_db()
    assert sft_run.status == RunStatus.CANCELLED
    assert list((sft_run.directory / "checkpoints").iterdir())


def test_a_killed_recipe_is_a_failure_with_a_sentence_and_the_log(sft_run):
    thread = _in_background(services.claim_run(run_id=sft_run.pk))
    log = sft_run.directory / "log.txt"
    wait_for(lambda: log.exists() and "load" in log.read_text(), "a first line in the log")
    _processes(sft_run.directory)[0].send_signal(signal.SIGKILL)
    thread.join(30)
    sft_run.refresh_from_db()
    assert sft_run.status == RunStatus.FAILED
    assert "killed" in sft_run.error
    assert "load 0/1" in sft_run.log_tail


def test_a_worker_that_was_declared_dead_stops_its_recipe_and_writes_nothing(sft_run):
    thread = _in_background(services.claim_run(run_id=sft_run.pk))
    wait_for(lambda: _processes(sft_run.directory), "the recipe")
    TrainingRun.objects.filter(pk=sft_run.pk).update(fence=7, status="queued")
    thread.join(30)
    assert not _processes(sft_run.directory)
    assert TrainingRun.objects.get(pk=sft_run.pk).status == RunStatus.QUEUED


EXECUTOR = """
import os, sys, django
django.setup()
from training import services
services.execute_run(run=services.claim_run(run_id=int(sys.argv[1])))
"""


def test_after_kill_9_of_the_worker_the_run_is_resumed_and_succeeds_once(sft_run, settings):
    TrainingRun.objects.filter(pk=sft_run.pk).update(config={"epochs": 25, "checkpoint_steps": 2, "rank": 2})
    database = settings.DATABASES["default"]
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@/{connection.settings_dict['NAME']}"
    url += f"?host={database['HOST']}&port={database['PORT']}" if database["HOST"] else ""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "ACCORD_DATA_DIR": str(settings.DATA_DIR)}
    worker = subprocess.Popen(
        [sys.executable, "-c", EXECUTOR, str(sft_run.pk)], env=environment | {"DATABASE_URL": url}
    )
    wait_for(lambda: _steps_of(sft_run, 8), "steps under the first worker")
    worker.kill()
    worker.wait()
    wait_for(lambda: not _processes(sft_run.directory), "the recipe to die with its worker", 10)
    steps = len((sft_run.directory / "metrics.jsonl").read_text().splitlines())
    TrainingRun.objects.filter(pk=sft_run.pk).update(heartbeat_at=now() - timedelta(hours=1))
    services.sweep_runs()
    run = _execute(sft_run)
    assert (run.status, run.fence) == (RunStatus.SUCCEEDED, 2)
    assert (run.directory / "log.txt").read_text().count("step 1/") == 1, "it began anew instead of going on"
    assert steps < run.total
    assert ModelVersion.objects.filter(run_id=run.pk).count() == 1


def test_what_an_earlier_claim_left_running_is_ended_first_and_no_stranger(sft_run, tmp_path):
    left = start_recipe("sft", sft_run.directory)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(sft_run.directory)])
    assert stop_processes(sft_run.directory) >= 1
    assert left.wait(5) != 0
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize(
    ("config", "launched"), [({"method": "lora"}, True), ({"method": "features"}, False), ({"epochs": 1}, False)]
)
def test_what_trains_a_body_is_started_by_the_launcher_that_the_settings_name(config, launched, tmp_path, settings):
    settings.ACCORD_LAUNCH = "python -c 'import sys; print(*sys.argv[1:])' launch --config_file fsdp.yaml"
    (tmp_path / "config.json").write_text(json.dumps(config))
    process = start_recipe("no_such_recipe", tmp_path)
    process.wait(60)
    said = f"launch --config_file fsdp.yaml -m training.recipes.no_such_recipe {tmp_path}"
    assert (said in (tmp_path / "log.txt").read_text()) == launched
    assert (process.returncode == 0) == launched, "python itself knows no such recipe"
