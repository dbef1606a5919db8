"""The contract with the web side: refusals, endings, and what a kill leaves."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.recipes.conftest import ROOT, metrics, wait_until
from training.recipes.run import BadConfig, RecipeError, Run, load_config


@dataclass(frozen=True)
class Config:
    base_dir: str
    steps: int = 3
    rate: float = 0.1
    mode: Literal["a", "b"] = "a"
    parent: str | None = None

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError("steps must be at least 1.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "one JSON object"),
        ('{"base_dir": "x", "setps": 3}', "Unknown settings: setps"),
        ("{}", "Missing settings: base_dir"),
        ('{"base_dir": 3}', "must be text"),
        ('{"base_dir": "x", "steps": true}', "must be a whole number"),
        ('{"base_dir": "x", "steps": 1.5}', "must be a whole number"),
        ('{"base_dir": "x", "rate": NaN}', "must be a number"),
        ('{"base_dir": "x", "mode": "c"}', "one of 'a', 'b'"),
        ('{"base_dir": "x", "parent": 3}', "text or null"),
        ('{"base_dir": "x", "steps": 0}', "at least 1"),
    ],
)
def test_bad_config_is_refused_with_a_sentence(tmp_path, text, sentence):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadConfig, match=sentence):
        load_config(Config, tmp_path / "config.json")


def test_the_settings_that_a_run_works_with_are_told_with_their_defaults(tmp_path):
    (tmp_path / "config.json").write_text('{"base_dir": "x", "steps": 5}')
    Run(tmp_path).write_settings(load_config(Config, tmp_path / "config.json"))
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["steps"] == {"value": 5, "default": 3}
    assert settings["rate"] == {"value": 0.1, "default": 0.1}
    assert settings["base_dir"] == {"value": "x"}


def test_missing_config_is_refused(tmp_path):
    with pytest.raises(BadConfig, match=r"no config\.json"):
        load_config(Config, tmp_path / "config.json")


def test_whole_numbers_pass_as_numbers(tmp_path):
    (tmp_path / "config.json").write_text('{"base_dir": "x", "rate": 1}')
    assert load_config(Config, tmp_path / "config.json").rate == 1


def test_an_unknown_setting_ends_the_process_with_code_2(tmp_path, start):
    process = start("prepare_base", tmp_path / "run", sauce="package")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith("error: Unknown settings: sauce")
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_finished_directory_is_left_alone(tmp_path, start):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text('{"mine": 1}')
    process = start("prepare_base", tmp_path / "run", source="/nowhere")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == {"mine": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_stops_the_run(tmp_path, value):
    with pytest.raises(RecipeError, match=r"loss became .* at step 3 of 9"):
        Run(tmp_path).log(3, 9, {"loss": value})
    assert metrics(tmp_path) == []


def test_a_resumed_run_keeps_its_clock_and_survives_half_a_line(tmp_path):
    whole = '{"step": 1, "total": 4, "seconds": 100.0, "figures": {}}\n'
    (tmp_path / "metrics.jsonl").write_text(whole + '{"step": 2, "to')
    run = Run(tmp_path)
    assert run.seconds >= 100
    run.rewind_metrics(to_step=1)
    run.log(2, 4)
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2]


def test_terminating_a_recipe_gives_143_and_no_result(tmp_path, start, tiny, demonstrations):
    process = start("sft", tmp_path / "run", base_dir=str(tiny), demonstrations=str(demonstrations), epochs=500)
    wait_until(lambda: len(metrics(tmp_path / "run")) > 3, process)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_recipe_dies_with_its_parent():
    if not sys.platform.startswith("linux"):
        pytest.skip("The kernel call for this exists on Linux alone.")
    child = "from training.recipes.run import die_with_parent; die_with_parent(); print('up', flush=True); "
    parent = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
        f"{child + 'import time; time.sleep(60)'!r}]); print(child.pid, flush=True); child.wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        lines = {process.stdout.readline().strip(), process.stdout.readline().strip()}
        pid = int((lines - {"up"}).pop())
        process.kill()
        process.wait()
        # The pipe ends when the last of the two is gone: the child, which nobody else ends for a minute.
        assert process.stdout.read() == ""
    deadline = time.monotonic() + 10
    while _alive(pid):  # it closes its files a moment before it is gone
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
