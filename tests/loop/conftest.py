"""The whole application on the tiny model: the same supervisor, processes and commands as `make run`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from supervisor.settings import ROOT
from supervisor.state import State, read_state
from supervisor.valkey import find_free_port
from tests.loop.content import write_content
from tests.tiny import copy_tiny_model

REFRESH = {
    "grpo": {"steps": 8, "learning_rate": 0.02, "max_completion_tokens": 24, "checkpoint_steps": 2},
    "evaluate": {"max_completion_tokens": 24},
}


class Application:
    """A running Accord in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data_dir = home / "var"
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")
        }
        self.environment |= {
            "ACCORD_DATA_DIR": str(self.data_dir),
            "ACCORD_DEMO_DIR": str(write_content(home / "demo")),
            "ACCORD_BASE_MODEL": str(home / "tiny"),
            "ACCORD_WEB_PORT": str(find_free_port()),
            "ACCORD_GATEWAY_PORT": str(find_free_port()),
            "ACCORD_ENGINE_PORT": str(find_free_port()),
            "ENGINE_ARGS": "--threads 1",
            "OMP_NUM_THREADS": "1",
            "RUN_HEARTBEAT_SECONDS": "1",
            "RUN_LOST_AFTER_SECONDS": "8",
            "RUN_MAX_ATTEMPTS": "8",
            "SWEEP_SECONDS": "2",
        }
        self.log = (home / "output.txt").open("w")
        copy_tiny_model(home / "tiny")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor", "run"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def state(self) -> State:
        state = read_state(self.data_dir)
        assert state is not None
        return state

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.environment['ACCORD_WEB_PORT']}"

    def wait_until_ready(self, seconds: float = 120) -> None:
        wait_for(lambda: (state := read_state(self.data_dir)) and state.ready, seconds, self.output)

    def output(self) -> str:
        return (self.home / "output.txt").read_text()[-4000:]

    def manage(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor", "manage", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill(self, name: str) -> None:
        """kill -9, children included, as a crash or the kernel's memory killer would."""
        process = psutil.Process(self.state.children[name].pid)
        for each in [*process.children(recursive=True), process]:
            if each.is_running():
                each.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


def wait_for(ask: Callable[[], object], seconds: float, explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, f"It did not happen in {seconds} s. {explain()}"
        time.sleep(0.2)


def travel(application: Application, out: str, *more: str) -> dict[str, dict[str, Any]]:
    """`manage.py loop` to its end; the rows of its report by stage."""
    path = application.home / out
    arguments = [
        "--judgements",
        "60",
        "--requests",
        "8",
        "--preference",
        "short",
        "--patience",
        "240",
        "--out",
        str(path),
        *more,
    ]
    command = application.manage("loop", *arguments, "--config", json.dumps(REFRESH))
    output, _ = command.communicate()
    assert command.returncode == 0, f"{output}\n{application.output()}"
    assert "SIMULATED" in output
    assert "Their hidden preference" in output
    return {row["stage"]: row for row in json.loads(path.read_text())["stages"]}


def api(application: Application, path: str, method: str = "GET", **body: Any) -> dict[str, Any]:
    """As the demo's engineer, who may change projects."""
    demo = json.loads((application.data_dir / "demo.json").read_text())
    with httpx.Client(base_url=application.web, follow_redirects=True) as client:
        sign_in(client, "engineer@demo.accord", demo["password"])
        headers = {"X-CSRFToken": client.cookies.get("csrftoken") or ""}
        answer = client.request(method, f"/api/v1/{path}", json=body or None, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def sign_in(client: httpx.Client, email: str, password: str) -> None:
    form = client.get("/sign-in/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    answer = client.post("/sign-in/", data={"csrfmiddlewaretoken": token[1], "email": email, "password": password})
    assert "Sign in to Accord" not in answer.text, answer.text


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    # Not tmp_path: PostgreSQL runs as another user when the tests are root's, and must get in.
    home = Path(tempfile.mkdtemp(prefix="accord-loop-"))
    home.chmod(0o755)
    running = Application(home)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)
