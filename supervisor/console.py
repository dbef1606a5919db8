"""Each line that a process writes: to the console behind the process's name, and to its own log file."""

import contextlib
import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
WIDTH = 8
LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
LONGEST_LINE = 64 * 1024
# A log that cannot be written, the disk being full, must not bring the application down.
logging.raiseExceptions = False


class Console:
    """The console and the log files of one data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._logs: dict[str, RotatingFileHandler] = {}
        self._partial: dict[str, bytes] = {}
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def feed(self, name: str, output: bytes) -> None:
        """Take what a process wrote, whole lines or not."""
        *lines, rest = (self._partial.pop(name, b"") + output).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            # A progress bar draws over its line: the last state counts.
            self.write(name, line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace"))
        if rest:
            self._partial[name] = rest

    def write(self, name: str, line: str) -> None:
        """One line in the name of a process."""
        if name not in self._logs:
            path = self.directory / f"{name}.log"
            self._logs[name] = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        self._logs[name].handle(logging.makeLogRecord({"msg": "%s", "args": (line,)}))
        prefix = f"{name:<{WIDTH}} | "
        if self._coloured:
            prefix = f"\x1b[{COLOURS[list(self._logs).index(name) % len(COLOURS)]}m{prefix}\x1b[0m"
        # The terminal may be gone, and the application still has to be stopped in order.
        with contextlib.suppress(OSError, ValueError):
            print(prefix + line, flush=True)

    def close(self) -> None:
        """Write what is left of unfinished lines, and close the files."""
        for name in list(self._partial):
            self.feed(name, b"\n")
        for log in self._logs.values():
            log.close()
