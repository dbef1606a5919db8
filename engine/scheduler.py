"""One thread decodes: it takes in what has come, gives every version's batch a token, and begins again."""

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.batch import Batch, Row
from engine.versions import Version, Versions

logger = logging.getLogger(__name__)


@dataclass
class Waiting:
    row: Row
    on_problem: Callable[[BaseException], None]
    since: float


class Scheduler:
    """Submits rows from any thread; their callbacks are called in the decoding thread."""

    def __init__(self, versions: Versions, *, max_rows: int = 32) -> None:
        self.versions = versions
        self._max_rows = max_rows
        self._arrived: queue.Queue[tuple[Path, Waiting]] = queue.Queue()
        self._waiting: dict[Path, list[Waiting]] = defaultdict(list)
        self._batches: dict[Path, Batch] = {}
        self._problems: dict[int, Callable[[BaseException], None]] = {}
        threading.Thread(target=self._run, name="decoder", daemon=True).start()

    def submit(self, directory: Path, row: Row, on_problem: Callable[[BaseException], None]) -> None:
        """Queue a row of the version in `directory`, whose loading was asked for before."""
        self._arrived.put((directory, Waiting(row, on_problem, time.monotonic())))

    def _run(self) -> None:
        while True:
            self._take_in(block=not self._batches and not any(self._waiting.values()))
            for directory in list(self._waiting):
                self._admit(directory)
            for directory, batch in list(self._batches.items()):
                self._guarded(directory, batch, batch.step)

    def _take_in(self, *, block: bool) -> None:
        try:
            while True:
                directory, waiting = self._arrived.get(block=block)
                self._waiting[directory].append(waiting)
                if block:
                    time.sleep(0.01)  # what comes together is read together
                block = False
        except queue.Empty:
            return

    def _admit(self, directory: Path) -> None:
        waiting = self._waiting[directory] = [each for each in self._waiting[directory] if not each.row.cancelled]
        if not waiting:
            del self._waiting[directory]
            return
        loading = self.versions.load(directory)
        if not loading.done():
            if not self._batches:
                time.sleep(0.02)
            return
        problem = loading.exception()
        if problem is not None:
            for each in self._waiting.pop(directory):
                each.on_problem(problem)
            return
        version: Version = loading.result()
        batch = self._batches.get(directory)
        room = self._max_rows - sum(len(each.rows) for each in self._batches.values())
        # Reading a prompt costs as much as a step of the whole batch: late ones are let in together.
        hasty = batch is None or len(waiting) >= 4 or time.monotonic() - waiting[0].since > 0.4
        if room <= 0 or not hasty:
            return
        entering, self._waiting[directory] = waiting[:room], waiting[room:]
        if batch is None:
            batch = self._batches[directory] = Batch(version)
        for each in entering:
            self._problems[id(each.row)] = each.on_problem
        rows = [each.row for each in entering]
        self._guarded(directory, batch, lambda: batch.admit(rows), extra=rows)

    def _guarded(self, directory: Path, batch: Batch, act: Callable[[], None], extra: list[Row] | None = None) -> None:
        rows = {id(row): row for row in [*batch.rows, *(extra or [])]}
        try:
            act()
        except (RuntimeError, ValueError, IndexError, TypeError, MemoryError, torch.OutOfMemoryError) as problem:
            # The batch is lost, the engine is not.
            logger.exception("A batch of %d rows failed", len(rows))
            for key in rows:
                if (tell := self._problems.pop(key, None)) is not None:
                    tell(problem)
            self._batches.pop(directory, None)
            return
        alive = {id(row) for row in batch.rows}
        for key in rows.keys() - alive:
            self._problems.pop(key, None)
        if not batch.rows:
            self._batches.pop(directory, None)
