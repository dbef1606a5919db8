"""Keeps one reward model loaded, and scores what it is asked about, until nobody has asked for a while.

    python -m training.recipes.score_server DIRECTORY

Once the model is loaded DIRECTORY/ready.json names a Unix socket. Whoever connects sends a line `{"directory": …}`, a
directory with a request.json as the recipe `score` reads it, and gets back a line `{"error": ""}` when result.json lies
there, or the sentence why not. One after the other; after each, and while it waits, it leaves if it takes too much
memory, or the machine has too little left.
"""

import json
import shutil
import signal
import socket
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil

from training.recipes.features import FeatureReader
from training.recipes.reward import RewardModel
from training.recipes.run import RecipeError, Run, main, write_atomically
from training.recipes.score import read_request, scores_of

LOOK_SECONDS = 2.0
SPARE_BYTES = 512 * 2**20  # of the machine
MAX_LINE = 4096


@dataclass(frozen=True)
class Config:
    base_dir: str
    reward_model_dir: str
    idle_seconds: float = 300.0
    most_mb: int = 4096  # of this process


def score_server(run: Run, config: Config) -> None:
    model = RewardModel.load(Path(config.reward_model_dir), FeatureReader(Path(config.base_dir)))
    # Not in the run's directory: the path of a socket has about a hundred characters at most.
    home = Path(tempfile.mkdtemp(prefix="accord-score-"))
    signal.signal(signal.SIGTERM, _stop)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(home / "socket"))
            listening.listen()
            listening.settimeout(min(LOOK_SECONDS, config.idle_seconds))
            write_atomically(run.directory / "ready.json", json.dumps({"socket": str(home / "socket")}))
            _serve(listening, model, config)
    finally:
        (run.directory / "ready.json").unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)


def _stop(*_: Any) -> NoReturn:
    raise SystemExit(143)  # through the `finally` above


def _serve(listening: socket.socket, model: RewardModel, config: Config) -> None:
    asked = time.monotonic()
    while time.monotonic() - asked < config.idle_seconds:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            pass
        else:
            with connection:
                _attend(connection, model)
            asked = time.monotonic()
        if not _fits(config):
            print("It leaves: it takes more memory than it may, or the machine has too little left.")
            return


def _attend(connection: socket.socket, model: RewardModel) -> None:
    connection.settimeout(10)
    try:
        line = connection.makefile("rb").readline(MAX_LINE)
        told = _answer(model, json.loads(line)["directory"])
        connection.sendall(json.dumps({"error": told}).encode() + b"\n")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        print(f"A caller was lost: {problem}")


def _answer(model: RewardModel, directory: str) -> str:
    """The sentence that says what is wrong, or nothing."""
    place = Path(directory)
    try:
        scores = scores_of(model, read_request(place / "request.json"))
        write_atomically(place / "result.json", json.dumps({"artifacts": {}, **scores}))
    except RecipeError as problem:
        return str(problem)
    except MemoryError:
        return "The machine ran out of memory; send fewer answers at a time."
    except Exception as problem:  # noqa: BLE001 - the edge of a request: who asks next must find the model loaded
        traceback.print_exc()
        return f"These answers could not be scored: {type(problem).__name__}: {problem}.".replace("\n", " ")
    return ""


def _fits(config: Config) -> bool:
    own = psutil.Process().memory_info().rss
    return own < config.most_mb * 2**20 and psutil.virtual_memory().available > SPARE_BYTES


if __name__ == "__main__":
    main(score_server, Config)
