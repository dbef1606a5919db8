"""Recipes as processes: started for a run directory, and ended with everything that they started."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from django.conf import settings

# Every process of a run inherits this variable: a later claim finds what an earlier one left, and never a stranger.
MARK = "ACCORD_RUN_DIR"
GRACE_SECONDS = 10.0
BODY_METHODS = ("lora", "full")
# What a recipe has no business with.
WITHHELD = {"DATABASE_URL", "BROKER_URL", "SECRET_KEY", "ENGINE_API_KEY", "DJANGO_SETTINGS_MODULE"}


def start_recipe(recipe: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start `python -m training.recipes.<recipe> RUN_DIR` in a process group of its own; its output goes to log.txt.

    One that trains a body is started by the setting ACCORD_LAUNCH, on as many devices as that says.

    The kernel ends it when the calling thread ends: call this from a thread that stays until the recipe is done.
    """
    environment = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    environment |= {MARK: str(directory), "ACCORD_DIE_WITH_PARENT": "1", "PYTHONUNBUFFERED": "1"}
    with (directory / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [*_launcher(directory), "-m", f"training.recipes.{recipe}", str(directory)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _launcher(directory: Path) -> list[str]:
    """What goes before `-m`: python, or for a recipe whose settings say that it trains a body, what starts several."""
    config = directory / "config.json"
    launch = shlex.split(settings.ACCORD_LAUNCH) if config.exists() else []
    if not launch or json.loads(config.read_text()).get("method") not in BODY_METHODS:
        return [sys.executable]
    beside = Path(sys.executable).with_name(launch[0])  # `accelerate` of this environment, on the PATH or not
    return [str(beside) if beside.exists() else launch[0], *launch[1:]]


def stop_processes(directory: Path, *, grace_seconds: float = GRACE_SECONDS) -> int:
    """End every process on this machine that was started for the directory, children of children too; count them."""
    asked = list(_processes_of(directory))
    _signal(asked, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while (left := list(_processes_of(directory))) and time.monotonic() < deadline:
        time.sleep(0.05)
    while left:  # until none is left: a process can fork between being listed and being killed
        _signal(left, signal.SIGKILL)
        time.sleep(0.05)
        left = list(_processes_of(directory))
    return len(asked)


def _processes_of(directory: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(directory):
                yield process


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        # psutil compares the start time first: a number that went to another process meanwhile is left alone.
        with suppress(psutil.Error):
            process.send_signal(number)
