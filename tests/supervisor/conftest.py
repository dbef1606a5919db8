"""A data directory where PostgreSQL may enter (unlike tmp_path, when the tests run as root), and what runs in it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from supervisor.leftovers import TOKEN
from supervisor.settings import ROOT
from supervisor.state import State, read_state
from supervisor.valkey import find_free_port


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="accord-test-"))
    yield directory
    shutil.rmtree(directory)


def wait_for(ask: Callable[[], object], seconds: float = 30) -> object:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)
    return answer


class SmallAccord:
    """tests/supervisor/small_accord.py on a data directory, with or without PostgreSQL and Valkey."""

    def __init__(self, data_dir: Path, programs: str, *, servers: bool = False) -> None:
        self.data_dir = data_dir
        self.environment = {
            **os.environ,
            "ACCORD_DATA_DIR": str(data_dir),
            "ACCORD_WEB_PORT": str(find_free_port()),
            "ACCORD_GATEWAY_PORT": str(find_free_port()),
            "ACCORD_ENGINE_PORT": str(find_free_port()),
            "DATABASE_URL": "" if servers else "postgresql://nobody.asks/it",
            "BROKER_URL": "" if servers else "redis://nobody.asks/it",
            "ENGINE_URL": "",
            "SMALL_PROGRAMS": programs,
            "TMPDIR": tempfile.gettempdir(),
        }
        self.process: subprocess.Popen[str] | None = None
        # Every process that ever belonged to it, dead or alive.
        self.pids: set[int] = set()

    def start(self, command: str = "tests.supervisor.small_accord", *arguments: str) -> "SmallAccord":
        self.process = subprocess.Popen(
            [sys.executable, "-m", command, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def wait_until_ready(self) -> "SmallAccord":
        assert self.process is not None
        pid = self.process.pid
        wait_for(lambda: (state := read_state(self.data_dir)) and state.ready and state.supervisor.pid == pid)
        self.pids |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
        return self

    @property
    def state(self) -> State:
        state = read_state(self.data_dir)
        assert state is not None
        return state

    def pid_of(self, name: str) -> int:
        return self.state.children[name].pid

    def kill_and_wait_for_restart(self, name: str) -> None:
        old = self.pid_of(name)
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self.pid_of(name) != old)

    def end(self, sent: signal.Signals = signal.SIGTERM) -> str:
        """Send the signal, wait for the end and answer with everything that was written to the console."""
        assert self.process is not None
        if self.process.poll() is None:
            self.pids |= {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}
            self.process.send_signal(sent)
        output, _ = self.process.communicate(timeout=60)
        return output

    def end_by_itself(self) -> str:
        assert self.process is not None
        output, _ = self.process.communicate(timeout=60)
        return output

    def survivors(self) -> list[str]:
        """Processes that carry this application's token, or once were its children, and still run."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("ACCORD_DATA_DIR") == str(self.data_dir) or process.pid in self.pids
                if ours and TOKEN in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {process.cmdline()}")
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
def small_accord(data_dir: Path) -> Iterator[Callable[..., SmallAccord]]:
    """Makes one; whatever runs at the end of the test is ended."""
    made: list[SmallAccord] = []

    def make(programs: str = "web", *, servers: bool = False) -> SmallAccord:
        made.append(SmallAccord(data_dir, programs, servers=servers))
        return made[-1]

    yield make
    for accord in made:
        if accord.process:
            accord.end()
