"""Demonstrations are learned, and a killed run ends where an undisturbed one does."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.recipes.conftest import metrics, wait_until, write_lines
from training.recipes.run import RecipeError, Run
from training.recipes.sft import Config, sft


def weights(directory):
    return load_file(directory / "model" / "adapter_model.safetensors")


def test_a_run_killed_halfway_ends_with_the_same_adapter(tmp_path, tiny, demonstrations, start):
    config: dict[str, Any] = {
        "base_dir": str(tiny), "demonstrations": str(demonstrations), "base_sha256": "f00d", "epochs": 10,
        "learning_rate": 0.01, "checkpoint_steps": 3,
    }  # fmt: skip
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start("sft", killed, **config)
    wait_until(lambda: len(metrics(killed)) > 8, process)
    process.kill()
    process.wait()
    assert not (killed / "result.json").exists()
    again = start("sft", killed, **config)
    sft(Run(whole), Config(**config))
    assert again.wait(120) == 0
    resumed, expected = weights(killed), weights(whole)
    for name, tensor in expected.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=1e-4, atol=1e-5)
    steps = [line["step"] for line in metrics(killed) if "stage" not in line]
    assert steps == list(range(1, 61))
    losses = [line["figures"]["loss"] for line in metrics(whole) if "stage" not in line]
    assert sum(losses[-6:]) < 0.7 * sum(losses[:6])
    assert json.loads((killed / "result.json").read_text())["figures"]["demonstrations"] == 24


def test_other_settings_do_not_go_on_from_a_checkpoint(tmp_path, tiny, demonstrations):
    config: dict[str, Any] = {"base_dir": str(tiny), "demonstrations": str(demonstrations), "checkpoint_steps": 1}
    sft(Run(tmp_path), Config(**config, epochs=1))
    with pytest.raises(RecipeError, match="other settings"):
        sft(Run(tmp_path), Config(**config, epochs=2))


def test_empty_demonstrations_are_refused(tmp_path, tiny):
    write_lines(tmp_path / "none.jsonl", [{"prompt": [{"role": "user", "content": "Tea?"}], "response": "  "}])
    with pytest.raises(RecipeError, match="no demonstrations"):
        sft(Run(tmp_path), Config(base_dir=str(tiny), demonstrations=str(tmp_path / "none.jsonl")))


def test_a_broken_line_is_named(tmp_path, tiny):
    whole = {"prompt": [{"role": "user", "content": "x"}], "response": "a"}
    write_lines(tmp_path / "broken.jsonl", [whole, {"prompt": []}])
    with pytest.raises(RecipeError, match=r"Line 2 of broken\.jsonl lacks response"):
        sft(Run(tmp_path), Config(base_dir=str(tiny), demonstrations=str(tmp_path / "broken.jsonl")))
