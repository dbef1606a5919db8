"""Starts programs, shows what they write, restarts those that crash and ends them in order. One thread, one loop."""

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.console import Console
from supervisor.errors import StartError
from supervisor.leftovers import TOKEN, end_processes, find_by_token, identify
from supervisor.program import Program, remove_scratch, spawn
from supervisor.state import State

# A process that ends within a minute of its start has crashed; after so many crashes in a row it will not come up.
CRASH_SECONDS = 60
MOST_CRASHES = 5
RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0)
OPTIONAL_RETRY_SECONDS = 60
TICK_SECONDS = 0.1


class Interrupted(Exception):
    """Somebody asked for the end while something was waited for."""


@dataclass
class Child:
    """A program and the process that it is at the moment."""

    program: Program
    process: subprocess.Popen[bytes]
    started_at: float = field(default_factory=time.monotonic)
    crashes: int = 0
    # Set while it is down and waits to be started again.
    restart_at: float | None = None
    ready: bool = False


class Processes:
    """The children of this supervisor. `state` is rewritten whenever one of them changes."""

    def __init__(self, *, data_dir: Path, environment: dict[str, str], console: Console) -> None:
        self.data_dir = data_dir
        self.environment = environment
        self.console = console
        self.state = State(supervisor=identify(os.getpid()), token=secrets.token_hex(8))
        self.state.write(data_dir)
        self.children: dict[str, Child] = {}
        self.interrupts = 0
        self._selector = selectors.DefaultSelector()

    def interrupt(self, *_: object) -> None:
        """A signal handler: end in order; a second signal waits for nobody."""
        self.interrupts += 1

    def say(self, line: str) -> None:
        """A line of the supervisor's own."""
        self.console.write("accord", line)

    def write_state(self) -> None:
        """For whoever comes later. A full disk does not stop us: the token, written at the start, finds the rest."""
        with contextlib.suppress(OSError):
            self.state.write(self.data_dir)

    def start(self, program: Program) -> None:
        """Start the program and, unless it holds up nobody, wait until it is ready.

        Raises:
            StartError: it kept crashing or was not ready in time.
            Interrupted: a signal came meanwhile.
        """
        self.say(f"starting {program.name}")
        child = self.children[program.name] = Child(program, self._spawn(program))
        if program.holds_up_start and not self._wait(lambda: self._is_ready(child), program.ready_seconds):
            raise StartError(
                f"{program.name} runs but was not ready after {program.ready_seconds:.0f} seconds. "
                f"The end of {self.console.directory / program.name}.log says what it does."
            )

    def run_once(self, program: Program) -> int:
        """Run a program to its end, while the others are looked after, and answer with its exit code."""
        process = self._spawn(program)
        try:
            self._wait(lambda: process.poll() is not None)
        finally:
            self._end_leftovers(program, grace_seconds=program.grace_seconds)
            process.wait()
        while self._read(0):
            pass
        return process.returncode

    def look_after(self) -> None:
        """Go on until a signal comes."""
        asked_at = 0.0
        while not self.interrupts:
            self._tick()
            if time.monotonic() - asked_at > 1:
                asked_at = time.monotonic()
                for child in self.children.values():
                    if not child.ready and self._is_ready(child):
                        self.say(f"{child.program.name} is ready")

    def stop(self) -> None:
        """End every child and whatever they started: the last started first, the servers when the rest is gone."""
        children = [child for child in self.children.values() if child.restart_at is None]
        servers = [child for child in children if child.program.name in ("postgres", "valkey")]
        self._stop([child for child in reversed(children) if child not in servers])
        for server in reversed(servers):
            self._stop([server])
            self._end_leftovers(server.program, grace_seconds=2)
            remove_scratch(server.program)
        end_processes(find_by_token(self.state.token), grace_seconds=2)
        while self._read(0):
            pass
        self.state.children = {}
        self.state.ready = False
        self.write_state()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        token = {TOKEN: f"{self.state.token}.{program.name}"}
        process = spawn(program, {**self.environment, **token})
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, program.name)
        self.state.children[program.name] = identify(process.pid)
        self.write_state()
        return process

    def _wait(self, condition: Callable[[], bool], seconds: float = float("inf")) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._tick()
            if self.interrupts:
                raise Interrupted
        return True

    def _is_ready(self, child: Child) -> bool:
        if not child.ready and child.restart_at is None and child.process.poll() is None:
            child.ready = child.program.is_ready is None or child.program.is_ready()
        return child.ready

    def _tick(self) -> None:
        self._read(TICK_SECONDS)
        for child in self.children.values():
            if child.restart_at is not None:
                if time.monotonic() >= child.restart_at:
                    child.process, child.started_at = self._spawn(child.program), time.monotonic()
                    child.restart_at = None
            elif child.process.poll() is not None:
                self._note_crash(child)

    def _note_crash(self, child: Child) -> None:
        name, code = child.program.name, child.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        # A recipe whose trainer is gone must not go on writing beside the one that takes over.
        self._end_leftovers(child.program, grace_seconds=2)
        child.crashes = child.crashes + 1 if time.monotonic() - child.started_at < CRASH_SECONDS else 1
        child.ready = False
        if child.crashes < MOST_CRASHES:
            delay = RESTART_DELAYS[child.crashes - 1]
            self.say(f"{name} {how}: it is started again")
        elif child.program.optional:
            delay, child.crashes = OPTIONAL_RETRY_SECONDS, 0
            self.say(f"{name} {how}, {MOST_CRASHES} times in a row: the rest goes on without it, next try in a minute")
        else:
            raise StartError(
                f"{name} {how}, {MOST_CRASHES} times in a row. "
                f"The end of {self.console.directory / name}.log says why; put that right and start again."
            )
        child.restart_at = time.monotonic() + delay

    def _end_leftovers(self, program: Program, *, grace_seconds: float) -> None:
        left = {*find_by_token(f"{self.state.token}.{program.name}"), *program.find_more()}
        end_processes(left, grace_seconds=grace_seconds)

    def _read(self, seconds: float) -> bool:
        """Show what the children wrote; False: nobody wrote anything for so long."""
        events = self._selector.select(seconds)
        for key, _ in events:
            output = os.read(key.fd, 65536)
            if output:
                self.console.feed(key.data, output)
            else:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
        return bool(events)

    def _stop(self, children: Iterable[Child]) -> None:
        """Signal all of them at once; each has its grace before SIGKILL goes to its whole session's group."""
        waiting = [child for child in children if child.process.poll() is None]
        for child in waiting:
            self.say(f"stopping {child.program.name}")
            child.process.send_signal(child.program.stop_signal)
        began, interrupts = time.monotonic(), self.interrupts
        while waiting := [child for child in waiting if child.process.poll() is None]:
            for child in waiting:
                # Impatience must not cost data: PostgreSQL keeps its grace.
                hurried = self.interrupts > max(interrupts, 1) and child.program.name != "postgres"
                if hurried or time.monotonic() - began > child.program.grace_seconds:
                    os.killpg(child.process.pid, signal.SIGKILL)
            self._read(TICK_SECONDS)
