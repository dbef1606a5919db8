"""A tiny model, a small snapshot, and recipes run as real processes."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from training.recipes.tiny_model import SENTENCES, make_tiny_model

ROOT = Path(__file__).parents[2]
WORDS = sorted(set(" ".join(SENTENCES).replace(",", "").replace(".", "").lower().split()))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # Two threads on a model this small spend their time waiting for each other.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    make_tiny_model(directory)
    return directory


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory) -> Path:
    """People here prefer the shorter answer, with some noise."""
    directory, chance = tmp_path_factory.mktemp("snapshot"), random.Random(0)

    def words(count: int) -> str:
        return " ".join(chance.choices(WORDS, k=count))

    prompts = [{"prompt_id": i, "prompt": [{"role": "user", "content": f"What about {words(3)}?"}]} for i in range(40)]
    for part, mine in (("train", prompts[:28]), ("held_out", prompts[28:])):
        rows: list[dict[str, Any]] = []
        for prompt in mine * 3:
            first, second = words(chance.randint(2, 12)), words(chance.randint(2, 12))
            gain = len(second) - len(first) + chance.gauss(0, 8)
            choice = "tie" if abs(gain) < 3 else "a" if gain > 0 else "b"
            rows.append(prompt | {"response_a": first, "response_b": second, "choice": choice, "item_id": len(rows)})
        write_lines(directory / f"{part}.jsonl", rows)
        write_lines(directory / f"prompts_{part}.jsonl", mine)
    return directory


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("demonstrations") / "demonstrations.jsonl"
    rows = [
        {"prompt": [{"role": "user", "content": f"Say number {n}."}], "response": sentence}
        for n, sentence in enumerate(SENTENCES * 3)
    ]
    write_lines(path, rows)
    return path


@pytest.fixture(scope="session")
def reward_dir(tiny, snapshot, tmp_path_factory) -> Path:
    from training.recipes.reward_model import Config, reward_model
    from training.recipes.run import Run

    directory = tmp_path_factory.mktemp("reward")
    reward_model(Run(directory), Config(base_dir=str(tiny), snapshot_dir=str(snapshot)))
    return directory


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a recipe as the application would; killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(recipe: str, directory: Path, **config: Any) -> subprocess.Popen[str]:
        directory.mkdir(exist_ok=True)
        (directory / "config.json").write_text(json.dumps(config))
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            [sys.executable, "-m", f"training.recipes.{recipe}", str(directory)],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def metrics(directory: Path) -> list[dict[str, Any]]:
    path = directory / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], *, seconds: float = 120) -> None:
    """Until the condition holds while the process lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended with {process.returncode}: {process.communicate()[1]}"
        assert time.monotonic() < deadline, "the recipe did not get there"
        time.sleep(0.02)
