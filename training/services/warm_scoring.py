"""The one process on this machine that has a reward model loaded: started, asked, replaced.

Whoever asks holds a file's lock, so that nobody replaces what another is asking; the kernel gives it back with the
process that held it. The process ends with the worker that started it, when nobody asks, and when memory is short.
"""

import atexit
import fcntl
import hashlib
import json
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import IO, Any

from django.conf import settings

from training.errors import BadResult
from training.process import start_recipe, stop_processes
from training.services.finish_run import say_why

RECIPE = "score_server"
REFUSED = {1, 2}  # exit codes of a recipe that says why in its log
# Those that this worker started: kept so that they are reaped.
_started: list[Popen[bytes]] = []


class _Lost(Exception):
    """It went away, or never came up: somebody else has to do it."""


def score_warm(config: dict[str, str], directory: Path, *, seconds: float, between: Callable[[], None]) -> bool:
    """Have the request in `directory` answered by what is loaded, loading it first where nothing else is being asked.

    Args:
        config: `base_dir` and `reward_model_dir`, which tell one version from another.
        between: called often; what it raises ends the waiting.
    Returns:
        Whether result.json lies in `directory`. If not, a process of its own has to do it.
    Raises:
        BadResult: the model refuses, with its sentence, or it takes too long.
    """
    if not settings.SCORING_WARM_SECONDS:
        return False
    home, until = Path(settings.RUNS_DIR) / "warm-scoring", time.monotonic() + seconds
    home.parent.mkdir(parents=True, exist_ok=True)
    wait = _Wait(until, seconds, between)
    with home.with_suffix(".lock").open("a") as lock:
        while not _locked(lock):
            if _loaded(home) != _name(config):
                return False  # busy with another version
            wait()
        if _loaded(home) == _name(config):
            with suppress(_Lost):
                _ask(home, directory, wait)
                return True
        # Another version's, not there, or lost while it was asked: then once more with one that is new.
        with suppress(_Lost):
            _start(home, config, wait)
            _ask(home, directory, wait)
            return True
        stop_processes(home, grace_seconds=1)
        _forget(home)
        return False


def stop_warm() -> None:
    """End what is loaded, whoever started it."""
    home = Path(settings.RUNS_DIR) / "warm-scoring"
    if home.exists():
        stop_processes(home, grace_seconds=2)
        _forget(home)
    _reap()


def _reap() -> None:
    _started[:] = [each for each in _started if each.poll() is None]


@atexit.register
def _stop_own() -> None:
    for each in _started:
        each.terminate()
    for each in _started:
        try:
            each.wait(timeout=2)
        except TimeoutExpired:
            each.kill()
            each.wait()


def say_too_long(seconds: float) -> str:
    return f"The answers were not scored within {seconds:.0f} seconds. Send fewer at a time."


class _Wait:
    def __init__(self, until: float, seconds: float, between: Callable[[], None]) -> None:
        self.until, self.seconds, self.between = until, seconds, between

    def __call__(self) -> None:
        """A nap; raises BadResult when time is up."""
        time.sleep(0.02)
        self.look()

    def look(self) -> None:
        self.between()
        if time.monotonic() > self.until:
            raise BadResult(say_too_long(self.seconds))


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(config: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _loaded(home: Path) -> str:
    try:
        return (home / "version").read_text()
    except OSError:
        return ""


def _connect(home: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(json.loads((home / "ready.json").read_text())["socket"])
    except BaseException:
        connection.close()
        raise
    return connection


def _forget(home: Path) -> None:
    with suppress(OSError, ValueError, KeyError):  # of one that was killed
        left = Path(json.loads((home / "ready.json").read_text())["socket"]).parent
        if left.name.startswith("accord-score-"):
            shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def _start(home: Path, config: dict[str, str], wait: _Wait) -> None:
    stop_processes(home, grace_seconds=2)
    _forget(home)
    home.mkdir()
    limits: dict[str, Any] = {"idle_seconds": settings.SCORING_WARM_SECONDS, "most_mb": settings.SCORING_WARM_MB}
    (home / "config.json").write_text(json.dumps(config | limits))
    (home / "version").write_text(_name(config))
    process = start_recipe(RECIPE, home)
    _reap()
    _started.append(process)
    while not (home / "ready.json").exists():
        if (exit_code := process.poll()) is not None:
            why = say_why(home / "log.txt", exit_code, 0)
            _forget(home)
            if exit_code in REFUSED:
                raise BadResult(why)
            raise _Lost
        wait()


def _ask(home: Path, directory: Path, wait: _Wait) -> None:
    try:
        with _connect(home) as connection:
            connection.sendall(json.dumps({"directory": str(directory)}).encode() + b"\n")
            connection.settimeout(0.2)
            told = b""
            while not told.endswith(b"\n"):
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    wait.look()
                    continue
                if not part:
                    raise _Lost
                told += part
    except (OSError, ValueError, KeyError):
        raise _Lost from None
    except BadResult:
        stop_processes(home, grace_seconds=1)  # it is still at it
        raise
    if error := json.loads(told)["error"]:
        raise BadResult(error)
