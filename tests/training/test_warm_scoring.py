"""The process that keeps a reward model loaded: asked again, killed, replaced, asked by two, told to stop."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models_registry.models import ModelVersion
from tests.training.conftest import wait_for
from tests.training.test_scoring import PAIR, make_scorer
from training import services
from training.errors import BadResult
from training.models import ScoringJob
from training.process import _processes_of, stop_processes
from training.services import warm_scoring

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(settings) -> Path:
    return Path(settings.RUNS_DIR) / "warm-scoring"


@pytest.fixture(scope="module")
def common_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    runs = tmp_path_factory.mktemp("runs")
    yield runs
    stop_processes(runs / "warm-scoring", grace_seconds=2)


@pytest.fixture
def common_home(common_runs: Path, settings) -> Path:
    """For tests that begin with one and the same model loaded: a process takes seconds to import torch."""
    settings.RUNS_DIR = common_runs
    return common_runs / "warm-scoring"


@pytest.fixture(autouse=True)
def _nothing_stays_loaded(request, settings) -> Iterator[None]:
    yield
    if "common_home" not in request.fixturenames:
        warm_scoring.stop_warm()


@pytest.fixture(scope="session")
def reward_dir(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recipe leaves of thirty comparisons that prefer the shorter answer."""
    run = tmp_path_factory.mktemp("reward")
    for part, prompts in (("train", range(30)), ("held_out", range(30, 36))):
        rows = [
            {
                "prompt_id": n, "prompt": [{"role": "user", "content": f"Question {n}?"}], "response_a": f"Yes {n}.",
                "response_b": f"It may well be {n}.", "choice": "a",
            }
            for n in prompts
        ]  # fmt: skip
        (run / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "config.json").write_text(json.dumps({"base_dir": str(tiny_model), "snapshot_dir": str(run)}))
    command = [sys.executable, "-m", "training.recipes.reward_model", str(run)]
    subprocess.run(command, check=True, timeout=120, cwd=ROOT)
    return run / "model"


@pytest.fixture
def config(tiny_model: Path, reward_dir: Path) -> dict[str, str]:
    return {"base_dir": str(tiny_model), "reward_model_dir": str(reward_dir)}


@pytest.fixture
def scorer(alice, project, base, reward_dir, tmp_path) -> ModelVersion:
    return make_scorer(alice, project, base, tmp_path, reward_dir)


def pids(home: Path) -> list[int]:
    return [process.pid for process in _processes_of(home)]


def ask(config: dict[str, str], directory: Path, *, seconds: float = 60) -> bool:
    directory.mkdir(exist_ok=True)
    prompt = [{"role": "user", "content": PAIR["prompt"]}]
    (directory / "request.json").write_text(json.dumps({"pairs": [PAIR | {"prompt": prompt}], "lists": []}))
    (directory / "result.json").unlink(missing_ok=True)
    return warm_scoring.score_warm(config, directory, seconds=seconds, between=lambda: None)


def scored(directory: Path) -> float:
    return float(json.loads((directory / "result.json").read_text())["pairs"][0]["difference"])


def run_job(version: ModelVersion, alice) -> ScoringJob:
    job = services.start_scoring(version=version, by=alice, pairs=[PAIR])
    claimed = services.claim_scoring(job_id=job.pk)
    assert claimed is not None
    services.execute_scoring(job=claimed)
    return ScoringJob.objects.get(pk=job.pk)


@pytest.mark.django_db(transaction=True)
def test_who_asks_again_is_answered_by_the_same_process_with_the_same_scores(scorer, alice, home, settings):
    first = run_job(scorer, alice)
    (pid,) = pids(home)
    again = run_job(scorer, alice)
    assert pids(home) == [pid]
    settings.SCORING_WARM_SECONDS = 0
    alone = run_job(scorer, alice)
    assert first.status == again.status == alone.status == "succeeded"
    assert first.result == again.result == alone.result


def test_one_that_was_killed_is_started_anew(config, common_home, tmp_path):
    assert ask(config, tmp_path / "one")
    (pid,) = pids(common_home)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not pids(common_home), "the end of the process")
    assert ask(config, tmp_path / "two")
    assert pids(common_home) != [pid]
    assert scored(tmp_path / "one") == scored(tmp_path / "two")


@pytest.mark.django_db(transaction=True)
def test_one_that_dies_while_it_is_asked_costs_nobody_an_answer(scorer, alice, home):
    run_job(scorer, alice)
    (pid,) = pids(home)
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    job = run_job(scorer, alice)
    killer.join()
    assert (job.status, job.error) == ("succeeded", "")
    assert job.result["pairs"]


@contextmanager
def asked_by_another(home: Path):
    with home.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_while_another_asks_the_same_version_one_waits_and_another_version_goes_elsewhere(
    config, common_home, tmp_path
):
    assert ask(config, tmp_path / "one")
    before = pids(common_home)
    with asked_by_another(common_home):
        assert not ask(config | {"reward_model_dir": "elsewhere"}, tmp_path / "two")
        with pytest.raises(BadResult, match="not scored within"):
            ask(config, tmp_path / "three", seconds=0.3)
    assert pids(common_home) == before, "nobody ends what another is asking"


def test_two_who_ask_at_once_are_both_answered(config, common_home, tmp_path):
    told: list[bool] = []
    places = [tmp_path / f"caller{number}" for number in range(4)]
    assert ask(config, tmp_path / "first")
    callers = [threading.Thread(target=lambda place=place: told.append(ask(config, place))) for place in places]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert told == [True] * 4
    assert len({scored(place) for place in places}) == 1
    assert len(pids(common_home)) == 1


def test_a_model_that_cannot_be_loaded_is_refused_with_its_sentence(config, home, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadResult, match=r"reward_model\.json is missing"):
        ask(config | {"reward_model_dir": str(tmp_path / "empty")}, tmp_path / "one")
    assert pids(home) == []


@pytest.mark.parametrize("limits", [{"SCORING_WARM_SECONDS": 1}, {"SCORING_WARM_MB": 1}])
def test_it_leaves_when_nobody_asks_or_it_has_grown_too_large(config, home, tmp_path, settings, limits):
    for name, value in limits.items():
        setattr(settings, name, value)
    assert ask(config, tmp_path / "one")
    wait_for(lambda: not pids(home), "the end of the process")
    assert not (home / "ready.json").exists()


def test_told_to_stop_it_leaves_nothing_behind(config, common_home, tmp_path):
    assert ask(config, tmp_path / "one")
    socket = Path(json.loads((common_home / "ready.json").read_text())["socket"])
    assert socket.exists()
    os.kill(*pids(common_home), signal.SIGTERM)
    wait_for(lambda: not pids(common_home), "the end of the process")
    assert not socket.parent.exists()
    assert ask(config, tmp_path / "two"), "and the next one who asks is answered all the same"


def test_another_version_takes_its_place(config, common_home, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(config["reward_model_dir"], other)
    assert ask(config, tmp_path / "one")
    before = pids(common_home)
    assert ask(config | {"reward_model_dir": str(other)}, tmp_path / "two")
    assert len(pids(common_home)) == 1
    assert pids(common_home) != before
