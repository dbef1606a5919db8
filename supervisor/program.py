"""What is to run, and how a process is made of it."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from supervisor.errors import StartError

CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Program:
    """One process of Accord."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    # Asked again and again after the start until true; None: ready as soon as it runs.
    is_ready: Callable[[], bool] | None = None
    ready_seconds: float = 60
    # Whether the start of the others waits until this one is ready.
    holds_up_start: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    # After so long the stop signal becomes SIGKILL.
    grace_seconds: float = 10
    # An optional program that keeps crashing is tried again every minute; any other one stops Accord.
    optional: bool = False
    # User and group id to run as; None: ours.
    user: int | None = None
    group: int | None = None
    directory: Path | None = None
    # Removed when it has been stopped.
    scratch: Path | None = None
    # Its processes that do not carry our token.
    find_more: Callable[[], list[psutil.Process]] = list


def package_directory(name: str) -> Path:
    """Where a package lies, without importing it: the servers' wheels do things on import."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {name} is not installed. Run `make install`.")
    return Path(spec.submodule_search_locations[0])


def remove_scratch(program: Program) -> None:
    """What only the running program needed."""
    if program.scratch:
        shutil.rmtree(program.scratch, ignore_errors=True)


def spawn(
    program: Program, environment: dict[str, str], output: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, its stdout and stderr together in `output`.

    Call it from a thread that lives as long as the child should: the kernel's death signal goes by thread.
    """
    options = {
        "user": program.user,
        "group": program.group,
        "death_signal": int(program.stop_signal),
        "parent": os.getpid(),
    }
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(CHILD), json.dumps(options), *program.command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**environment, **program.environment},
        cwd=program.directory,
        start_new_session=True,
    )
