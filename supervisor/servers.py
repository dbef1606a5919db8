"""Embedded servers for whoever needs one without the rest of Accord: tests, benchmarks.

    server = start_postgres(Path(tempfile.mkdtemp()) / "postgres", durable=False)
    os.environ["DATABASE_URL"] = server.url
    ...
    server.stop()

They end with the thread that started them, also when its process is killed: start them from the main one. As root
choose a directory outside pytest's `tmp_path`, which other users (PostgreSQL runs as one) may not enter.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from supervisor.errors import StartError
from supervisor.postgres import prepare_postgres
from supervisor.program import Program, remove_scratch, spawn
from supervisor.valkey import prepare_valkey


@dataclass
class Server:
    """A running server: `url` for the clients, its output in `log`."""

    url: str
    log: Path
    program: Program
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it, by force after its grace. Stopping twice is harmless."""
        if self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
        try:
            self.process.wait(self.program.grace_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        remove_scratch(self.program)


def start_postgres(directory: Path, *, durable: bool = True) -> Server:
    """Serve `directory`, made if it does not exist; `durable=False` trades safety for speed."""
    return _start(*prepare_postgres(directory, durable=durable), log=directory.with_suffix(".log"))


def start_valkey(directory: Path, *, durable: bool = True) -> Server:
    """Serve `directory`, made if it does not exist; `durable=False` keeps nothing on disk."""
    return _start(*prepare_valkey(directory, durable=durable), log=directory.with_suffix(".log"))


def _start(program: Program, url: str, *, log: Path) -> Server:
    with log.open("ab") as output:
        server = Server(url, log, program, spawn(program, dict(os.environ), output))
    deadline = time.monotonic() + program.ready_seconds
    while program.is_ready and not program.is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise StartError(f"{program.name} did not start; the end of {log} says why.")
        time.sleep(0.05)
    return server
