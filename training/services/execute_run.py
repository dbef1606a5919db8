"""Carrying out a claimed run: its recipe as a process, watched until it ends, is cancelled or is taken away."""

import time
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from subprocess import Popen
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils.timezone import now

from accounts.errors import AccordError
from training.errors import IllegalMove
from training.metrics import read_progress
from training.models import RunStatus, TrainingRun
from training.process import GRACE_SECONDS, start_recipe, stop_processes
from training.services.build_config import build_config
from training.services.finish_run import cancel_claimed, fail_run, finish_run

POLL_SECONDS = 1.0


class Order(Enum):
    GO_ON = auto()
    CANCEL = auto()
    LET_GO = auto()  # the run was given to somebody else


def execute_run(*, run: TrainingRun) -> None:
    """Run the recipe of a claimed run to its end. Whatever happens, no process of it is left behind."""
    stop_processes(run.directory)  # of an earlier claim on this machine
    with suppress(IllegalMove):  # declared dead meanwhile: the newer claim reads the same directory
        try:
            build_config(run)
        except (AccordError, OSError) as problem:
            fail_run(run=run, error=f"The run could not be prepared: {problem}")
        else:
            _execute(run)


def _execute(run: TrainingRun) -> None:
    log = run.directory / "log.txt"
    log_start = log.stat().st_size if log.exists() else 0
    process = start_recipe(run.recipe, run.directory)
    exit_code = None
    try:
        order = _watch(run, process)
        exit_code = process.poll()
    finally:
        stop_processes(run.directory, grace_seconds=GRACE_SECONDS if exit_code is None else 1)
        process.wait()
    if order is Order.LET_GO:
        return
    if exit_code is None:
        cancel_claimed(run=run)
    else:
        finish_run(run=run, exit_code=exit_code, log_start=log_start)


def _watch(run: TrainingRun, process: Popen[bytes]) -> Order:
    heard = beaten = time.monotonic()
    seen: dict[str, Any] = {}
    while True:
        ended = _wait(process)
        changes = {"process_id": process.pid, **_progress(run.directory)}
        due = changes != seen or time.monotonic() - beaten >= settings.RUN_HEARTBEAT_SECONDS
        try:
            order = _beat(run, changes if due else {})
        except (OperationalError, InterfaceError):
            # The database is away. Go on for as long as nobody can have declared this run lost.
            connection.close()
            if time.monotonic() - heard > settings.RUN_LOST_AFTER_SECONDS:
                return Order.LET_GO
            time.sleep(POLL_SECONDS)
            continue
        heard = time.monotonic()
        if due:
            beaten, seen = heard, changes
        if ended or order is not Order.GO_ON:
            return order


def _wait(process: Popen[bytes]) -> bool:
    deadline = time.monotonic() + POLL_SECONDS
    # Short naps: a recipe of two seconds should not take three.
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return process.poll() is not None


def _progress(directory: Path) -> dict[str, Any]:
    progress = read_progress(directory)
    return {"step": progress.step, "total": progress.total, "seconds": progress.seconds, "stage": progress.stage[:80]}


def _beat(run: TrainingRun, changes: dict[str, Any]) -> Order:
    claimed = TrainingRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING, fence=run.fence)
    cancels = list(claimed.values_list("cancel_requested_at", flat=True))
    if not cancels or (changes and not claimed.update(heartbeat_at=now(), inputs=run.inputs, **changes)):
        return Order.LET_GO
    return Order.CANCEL if cancels[0] else Order.GO_ON
