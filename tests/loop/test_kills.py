"""The loop's tiny twin while every process is killed in turn: it ends, and each effect is there exactly once."""

import threading

import psutil
import pytest

from tests.loop.conftest import api, travel

pytestmark = [pytest.mark.loop, pytest.mark.timeout(900)]
VICTIMS = ("worker", "trainer", "engine", "web", "postgres", "gateway", "valkey", "beat")


def test_kill_9_of_each_process_in_turn_leaves_every_effect_exactly_once(application):
    over = threading.Event()
    killed: list[str] = []

    def kill_in_turn() -> None:
        for name in VICTIMS:
            if over.wait(6):
                return
            try:
                application.kill(name)
                killed.append(name)
            except (KeyError, psutil.NoSuchProcess):
                continue  # it is being restarted at this moment

    killer = threading.Thread(target=kill_in_turn)
    killer.start()
    try:
        rows = travel(application, "killed.json")
    finally:
        over.set()
        killer.join()
    assert len(killed) >= 5
    assert rows["sample and judge"]["judgements"] >= 60
    runs = api(application, "runs")["results"]
    assert sorted(run["recipe"] for run in runs) == ["evaluate", "grpo", "prepare_base", "reward_model", "sft"]
    assert {run["status"] for run in runs} == {"succeeded"}
    versions = api(application, "versions")["results"]
    for run in runs:
        made = [version for version in versions if version["run"] == run["id"]]
        assert len(made) == (0 if run["recipe"] == "evaluate" else 1)
