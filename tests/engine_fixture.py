"""A real engine (`python -m engine`) and a real tiny model, started once a test session; import the fixtures you use.

from tests.engine_fixture import engine, tiny_base, tiny_adapter  # noqa: F401
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.tiny import copy_tiny_model

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(address: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Until the address answers 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{address} did not answer within {seconds} s")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a whole model of half a megabyte."""
    return copy_tiny_model(tmp_path_factory.mktemp("tiny-base"))


def write_adapter(directory: Path, *, seed: int = 0) -> Path:
    """A LoRA adapter for the tiny model, with random weights that visibly change its answers."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for layer in (
        "base_model.model.model.layers.0.self_attn.q_proj",
        "base_model.model.model.layers.1.self_attn.q_proj",
    ):
        tensors[f"{layer}.lora_A.weight"] = rng.normal(size=(4, 64)).astype(np.float32)
        tensors[f"{layer}.lora_B.weight"] = rng.normal(size=(64, 4)).astype(np.float32)
    directory.mkdir(parents=True, exist_ok=True)
    save_file(tensors, directory / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"],
        "base_model_name_or_path": "sha256:of-the-base", "inference_mode": True,
    }  # fmt: skip
    (directory / "adapter_config.json").write_text(json.dumps(config))
    return directory


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("tiny-adapter"))


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running engine, with /v1."""
    port = free_port()
    # Every directory that a test makes lies below this one.
    command = [sys.executable, "-m", "engine", "--root", str(tmp_path_factory.getbasetemp())]
    command += ["--port", str(port), "--device", "cpu", "--threads", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def engine(engine_url: str, settings) -> str:
    """The running engine as this test's configured one."""
    settings.ENGINE_URL = engine_url
    settings.ENGINE_EMBEDDED = True
    settings.ENGINE_TIMEOUT_SECONDS = 60
    return engine_url
