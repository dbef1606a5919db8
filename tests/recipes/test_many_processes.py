"""Several processes learn what one does: under accelerate's launcher, and with the weights spread by FSDP."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from tests.recipes.conftest import ROOT, metrics, wait_until
from training.recipes.run import Run

SHORT: dict[str, Any] = {"epochs": 1, "batch_pairs": 4, "checkpoint_steps": 3, "rank": 2, "layers": 1}
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "CUDA_VISIBLE_DEVICES": ""}
# What `accelerate launch` says to its processes for a config file with FSDP in it.
FSDP = {
    "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true", "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
}  # fmt: skip


def prepare(run: Path, tiny: Path, snapshot: Path, **more: Any) -> Path:
    run.mkdir()
    settings = {"base_dir": str(tiny), "snapshot_dir": str(snapshot), "precision": "float32"}
    (run / "config.json").write_text(json.dumps(SHORT | settings | more))
    return run


def alone(run: Path) -> None:
    command = [sys.executable, "-m", "training.recipes.reward_trainer", str(run)]
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, timeout=250)


def sharded(run: Path, port: int) -> "subprocess.Popen[str]":
    """Two processes over gloo."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    return subprocess.Popen(
        [*command, "-m", "tests.recipes.on_processors", str(run)],
        cwd=ROOT, env=ENVIRONMENT | FSDP, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def losses(run: Path) -> list[float]:
    return [line["figures"]["loss"] for line in metrics(run) if "loss" in line["figures"]]


@pytest.mark.long
def test_two_processes_learn_what_one_does(tmp_path, tiny, snapshot):
    """Under `accelerate launch`, in several rows a step; they differ in the order of summing alone."""
    found = []
    for processes in (1, 2):
        run = prepare(tmp_path / str(processes), tiny, snapshot, row_tokens=60)
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1"]
        launch += ["--num_processes", str(processes), "--mixed_precision", "no", "--dynamo_backend", "no"]
        launch += ["--main_process_port", "29531", "-m", "training.recipes.reward_trainer", str(run)]
        subprocess.run(launch, cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, timeout=250)
        found.append(losses(run))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("method", ["lora", "full"])
def test_weights_spread_over_two_processes_learn_what_they_do_in_one(method, tmp_path, tiny, snapshot):
    one = prepare(tmp_path / "one", tiny, snapshot, method=method)
    two = prepare(tmp_path / "two", tiny, snapshot, method=method)
    alone(one)
    process = sharded(two, 29532)
    assert process.wait(250) == 0
    np.testing.assert_allclose(losses(one), losses(two), atol=1e-5)
    for path in (one / "model").glob("*.safetensors"):
        expected, found = load_file(path), load_file(two / "model" / path.name)
        assert set(found) == set(expected)
        for name, tensor in expected.items():
            np.testing.assert_allclose(found[name], tensor, atol=1e-5, err_msg=name)


@pytest.mark.long
def test_two_processes_with_spread_weights_go_on_from_their_checkpoint_to_the_same_bits(tmp_path, tiny, snapshot):
    whole, killed = (prepare(tmp_path / name, tiny, snapshot) for name in ("whole", "killed"))
    process = sharded(whole, 29533)
    assert process.wait(250) == 0
    process = sharded(killed, 29534)
    wait_until(lambda: any(line["step"] == 5 for line in metrics(killed)), process)
    for part in [*psutil.Process(process.pid).children(recursive=True), process]:
        part.kill()
    process.wait()
    assert not (killed / "result.json").exists()
    assert json.loads((killed / "checkpoints/trained_body/step.json").read_text())["step"] >= 3
    process = sharded(killed, 29535)
    assert process.wait(250) == 0
    assert losses(whole) == losses(killed)
    for path in (whole / "model").iterdir():
        assert path.read_bytes() == (killed / "model" / path.name).read_bytes(), path.name


def test_of_several_processes_only_the_first_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    run = Run(tmp_path)
    run.log(1, 2, {"loss": 0.5})
    run.finish(artifacts={}, figures={})
    assert not (tmp_path / "metrics.jsonl").exists()
    assert not (tmp_path / "result.json").exists()
    monkeypatch.setenv("RANK", "0")
    run = Run(tmp_path)
    run.log(1, 2, {"loss": 0.5})
    run.finish(artifacts={}, figures={})
    assert (tmp_path / "metrics.jsonl").exists()
    assert (tmp_path / "result.json").exists()
