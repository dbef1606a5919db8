"""The policy moves towards what the reward model likes, also when it is killed on the way."""

import json

import pytest

from tests.recipes.conftest import metrics, wait_until
from training.recipes.grpo import Config
from training.recipes.run import BadConfig, load_config


@pytest.fixture(scope="session")
def grpo_dir(tiny, snapshot, reward_dir, tmp_path_factory):
    return tmp_path_factory.mktemp("grpo") / "run"


def test_reward_rises_and_a_kill_on_the_way_costs_nothing(grpo_dir, tiny, snapshot, reward_dir, start):
    config = {
        "base_dir": str(tiny), "snapshot_dir": str(snapshot), "reward_model_dir": str(reward_dir / "model"),
        "base_sha256": "f00d", "steps": 16, "prompts_per_step": 8, "max_completion_tokens": 16,
        "learning_rate": 0.005, "checkpoint_steps": 3,
    }  # fmt: skip
    process = start("grpo", grpo_dir, **config)
    wait_until(lambda: (grpo_dir / "checkpoints" / "checkpoint-6" / "trainer_state.json").exists(), process)
    process.kill()
    process.wait()
    # What a kill in the middle of writing leaves: a newer checkpoint without its end.
    (grpo_dir / "checkpoints" / "checkpoint-9").mkdir(exist_ok=True)
    (grpo_dir / "checkpoints" / "checkpoint-9" / "trainer_state.json").unlink(missing_ok=True)

    again = start("grpo", grpo_dir, **config)
    _, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors
    steps = [line for line in metrics(grpo_dir) if "stage" not in line]
    assert [line["step"] for line in steps] == list(range(1, 17))
    assert {"reward", "kl_nats", "completion_tokens", "loss"} <= steps[-1]["figures"].keys()
    figures = json.loads((grpo_dir / "result.json").read_text())["figures"]
    assert figures["reward_end"] > figures["reward_start"] + 0.5
    assert figures["kl_nats_end"] > 0
    assert figures["completion_tokens_end"] < figures["completion_tokens_start"]
    assert {file.name for file in (grpo_dir / "model").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_the_trained_policy_beats_its_parent(grpo_dir, tiny, snapshot, reward_dir, tmp_path):
    from training.recipes import evaluate
    from training.recipes.run import Run

    if not (grpo_dir / "result.json").exists():
        pytest.skip("The policy was not trained.")
    config = evaluate.Config(
        base_dir=str(tiny),
        snapshot_dir=str(snapshot),
        policy_dir=str(grpo_dir / "model"),
        reward_model_dir=str(reward_dir / "model"),
        max_completion_tokens=16,
    )
    evaluate.evaluate(Run(tmp_path), config)
    measured = {e["metric"]: e for e in json.loads((tmp_path / "result.json").read_text())["evaluations"]}
    assert measured["win_rate"]["low"] > 0.5
    assert measured["win_rate"]["detail"]["judge"].startswith("independent head")
    assert measured["length_ratio"]["high"] < 1


def test_a_single_completion_a_prompt_is_refused(tmp_path):
    settings = {"base_dir": "b", "snapshot_dir": "s", "reward_model_dir": "r", "completions_per_prompt": 1}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BadConfig, match="at least 2"):
        load_config(Config, tmp_path / "config.json")
