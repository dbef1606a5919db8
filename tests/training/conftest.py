"""A tiny model, runs on it, and an engine of our own making: a real HTTP server that does as a test tells it."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from labeling.models import Assignment, Project, Response
from labeling.services import import_records, lease_next, submit_comparison
from models_registry.models import ModelVersion, VersionKind
from models_registry.services import register_version
from tests.tiny import copy_tiny_model
from training import services
from training.models import TrainingRun
from training.services.warm_scoring import stop_warm


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch) -> None:
    """So small a model gains nothing from more, and on a busy machine they wait for each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _nothing_stays_loaded(settings) -> Iterator[None]:
    """The process that keeps a reward model for who asks again."""
    yield
    stop_warm()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A model directory of half a megabyte."""
    return copy_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def prepare_run(alice, project, tiny_model, settings) -> TrainingRun:
    """A queued run that prepares the tiny model as the project's base."""
    settings.BASE_MODEL = str(tiny_model)
    return services.create_run(project=project, by=alice, recipe="prepare_base")


@pytest.fixture
def base(project, tiny_model) -> ModelVersion:
    """The tiny model, registered without a run."""
    return register_version(
        organisation=project.organisation,
        project_id=project.pk,
        kind=VersionKind.BASE,
        name="Tiny base v{number}",
        artifact_dir=tiny_model,
    )


DEMONSTRATIONS = [
    {"prompt": f"How do I cook {n} eggs?", "response": f"Boil them for {n} minutes."} for n in range(1, 9)
]


@pytest.fixture
def sft_run(alice, project, base) -> TrainingRun:
    """A queued fine-tuning that takes long enough to be interfered with."""
    return services.create_run(
        project=project,
        by=alice,
        recipe="sft",
        config={"epochs": 3000, "checkpoint_steps": 5, "rank": 2},
        demonstrations=DEMONSTRATIONS,
    )


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 40) -> Any:
    """What the condition returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"Waited in vain for {what}.")


class Engine:
    """OpenAI's chat completions; `answer` gives a text, an HTTP status, bytes sent as they are, or None to hang."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], str | int | bytes | None] = lambda body: f"Answer {len(self.asked)}"
        self.released = threading.Event()
        self._lock = threading.Lock()
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with engine._lock:
                    engine.asked.append(body)
                    given = engine.answer(body)
                if given is None:
                    engine.released.wait(30)
                    return
                status, content = 200, b""
                if isinstance(given, bytes):
                    content = given
                elif isinstance(given, int):
                    status, content = given, json.dumps({"error": {"message": "no"}}).encode()
                elif isinstance(given, str):
                    choice = {"index": 0, "message": {"role": "assistant", "content": given}, "finish_reason": "stop"}
                    usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
                    shape = {"id": "x", "object": "chat.completion", "model": body["model"]}
                    content = json.dumps(shape | {"choices": [choice], "usage": usage}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    server = Engine()
    settings.ENGINE_URL, settings.ENGINE_EMBEDDED, settings.ENGINE_MODEL = server.url, False, "tiny"
    settings.ENGINE_TIMEOUT_SECONDS = 2
    yield server
    server.stop()


@pytest.fixture
def judged_project(alice, bob, project) -> Project:
    """60 prompts with a short and a long answer each, all judged by Bob, who likes short ones."""
    lines = [
        json.dumps(
            {"prompt": f"Question {n}?", "responses": [{"text": f"Yes, {n}."}, {"text": f"It depends on {n} things."}]}
        )
        for n in range(60)
    ]
    import_records(project=project, by=alice, lines=[line.encode() for line in lines])
    while assignment := lease_next(project=project, by=bob):
        shown = [response.text for response in shown_responses(assignment)]
        choice = "a" if len(shown[0]) < len(shown[1]) else "b"
        submit_comparison(assignment=assignment, by=bob, client_id=uuid.uuid4(), choice=choice, strength=2)
    return project


def shown_responses(assignment: Assignment) -> list[Response]:
    """The two responses, left and right."""
    placed = {each.position: each.response for each in assignment.item.item_responses.select_related("response")}
    return [placed[position] for position in assignment.shown_order]
