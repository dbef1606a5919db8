"""Finds and ends processes that outlived whoever should have ended them, and never a stranger.

A process number alone proves nothing, since numbers are reused. A process is ours when it carries our token in its
environment, as all its descendants do, or when number and time of birth both agree with what was written down.
"""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

TOKEN = "ACCORD_START_TOKEN"
# The time of birth is computed from the clock, which may have been set since.
BIRTH_TOLERANCE_SECONDS = 3


@dataclass(frozen=True)
class Identity:
    """A process as it can be recognised later."""

    pid: int
    born: float

    def find(self) -> psutil.Process | None:
        """The process, if it still runs."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.born) < BIRTH_TOLERANCE_SECONDS and is_running(process):
                return process
        return None


def identify(pid: int) -> Identity:
    """The identity of a process that runs now."""
    return Identity(pid, psutil.Process(pid).create_time())


def is_running(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def find_by_token(token: str) -> list[psutil.Process]:
    """The processes whose token is this one or, for `token` + "." + a program's name, begins with it."""
    found = []
    # Started from one of those processes, we and our parents carry its token too.
    spared = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            theirs = process.environ().get(TOKEN, "")
            if theirs == token or theirs.startswith(f"{token}."):
                found.append(process)
    return found


def end_processes(processes: Iterable[psutil.Process], *, grace_seconds: float) -> int:
    """Ask them to end, then force them; answer how many there were."""
    running = [process for process in processes if is_running(process)]
    for process in running:
        with contextlib.suppress(psutil.Error):
            # PostgreSQL's processes end by themselves after their first one, and take some signals for orders of it.
            if process.name() != "postgres":
                process.terminate()
    # Not psutil.wait_procs: a process that is dead and that its new parent has not buried yet counts as running there.
    for seconds, force in ((grace_seconds, True), (5.0, False)):
        deadline = time.monotonic() + seconds
        while any(is_running(process) for process in running) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in running if force else ():
            with contextlib.suppress(psutil.Error):
                process.kill()
    return len(running)
