"""The end of a run: what it produced is registered in the transaction that says so, hence once."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.audit import record_event
from accounts.errors import AccordError
from models_registry.artifacts import share_files
from models_registry.models import ModelVersion
from training.errors import BadResult, IllegalMove
from training.metrics import read_progress
from training.models import RunStatus, TrainingRun
from training.services.followers import cancel_followers, enqueue_followers
from training.services.register_result import KINDS, register_result
from training.services.write_back import forget_files, write_back
from training.states import move_status

TAIL_LINES = 40
TAIL_BYTES = 64 * 1024
STOPPED_FROM_OUTSIDE = {143, -signal.SIGTERM}


def finish_run(*, run: TrainingRun, exit_code: int, log_start: int = 0) -> None:
    """Settle a claimed run whose recipe has ended; `log_start` is where this attempt's log begins.

    Raises:
        IllegalMove: the run has been claimed anew; nothing is written.
    """
    run.step = read_progress(run.directory).step
    if exit_code == 0:
        try:
            _succeed(run)
        except IllegalMove:
            raise
        except AccordError as refusal:
            fail_run(run=run, error=refusal.message)
        except OSError as problem:
            fail_run(run=run, error=f"The artifact could not be stored: {problem}. Make room, and retry.")
    elif exit_code in STOPPED_FROM_OUTSIDE and run.may_be_resumed:
        # Nobody cancelled it: the machine is going down, or somebody ended the process. Its checkpoint is there.
        move_status(run, to=RunStatus.QUEUED, error="The recipe was stopped from outside; it will be resumed.")
    else:
        fail_run(run=run, error=say_why(run.directory / "log.txt", exit_code, log_start))


def _succeed(run: TrainingRun) -> None:
    result = read_result(run.directory)
    if run.recipe in KINDS and "model" not in result["artifacts"]:
        raise BadResult("The recipe said that it succeeded and names no model. Nothing was registered.")
    write_back(run, result)
    with transaction.atomic():
        # First the fenced move: a stale worker ends here, and a sweeper passes over the row until this commits.
        move_status(run, to=RunStatus.SUCCEEDED, result=result, error="", inputs=run.inputs, **_last_step(run))
        register_result(run=run, result=result)
        record_event("run succeeded", by=None, subject=run, organisation=run.organisation, recipe=run.recipe)
        enqueue_followers(run)
    forget_files(run, result)
    # The weights lie in the store now: the run's directory need not hold them a second time.
    for version in ModelVersion.objects.filter(run_id=run.pk).exclude(artifact_hash=""):
        share_files(run.directory / result["artifacts"]["model"], version.artifact_hash)


def _last_step(run: TrainingRun) -> dict[str, Any]:
    progress = read_progress(run.directory)
    return {"step": progress.step, "total": progress.total, "seconds": progress.seconds, "stage": progress.stage[:80]}


def read_result(directory: Path) -> dict[str, Any]:
    """result.json.

    Raises:
        BadResult: it is missing or unreadable, or an artifact that it names is missing or empty.
    """
    try:
        result = json.loads((directory / "result.json").read_text())
    except FileNotFoundError:
        raise BadResult("The recipe ended without an error and without a result. Nothing was registered.") from None
    except ValueError:
        raise BadResult("The recipe's result.json cannot be read. Nothing was registered.") from None
    if not isinstance(result, dict) or not isinstance(result.get("artifacts"), dict):
        raise BadResult("The recipe's result.json does not say what it made. Nothing was registered.")
    for name, relative in result["artifacts"].items():
        path = (directory / relative).resolve()
        if not path.is_relative_to(directory.resolve()) or not _holds_something(path):
            raise BadResult(f"The recipe said that it succeeded, but its artifact {name!r} is empty or missing.")
    return result


def _holds_something(path: Path) -> bool:
    if not path.is_dir():
        return path.is_file() and path.stat().st_size > 0
    weights = list(path.glob("*.safetensors"))
    return bool(weights) and all(file.stat().st_size for file in weights)


def fail_run(*, run: TrainingRun, error: str) -> None:
    """A claimed run failed: the sentence and the end of the log are kept, and what waited for it is cancelled."""
    _end(run, RunStatus.FAILED, "run failed", error)


def cancel_claimed(*, run: TrainingRun) -> None:
    """A claimed run was cancelled, and its processes have been ended."""
    _end(run, RunStatus.CANCELLED, "run cancelled", "")


@transaction.atomic
def _end(run: TrainingRun, status: RunStatus, verb: str, error: str) -> None:
    move_status(run, to=status, error=error, log_tail=read_log_tail(run.directory / "log.txt"), inputs=run.inputs)
    record_event(verb, by=None, subject=run, organisation=run.organisation, recipe=run.recipe, error=error[:300])
    cancel_followers(run)


def read_log_tail(path: Path, *, start: int = 0) -> str:
    """The last lines of the log from `start` on."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(start, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    # PostgreSQL stores no NUL in text.
    return "\n".join(lines[-TAIL_LINES:]).replace("\0", "")


def say_why(log: Path, exit_code: int, log_start: int) -> str:
    """The sentence of a recipe that ended with this code, from its log's part since `log_start`."""
    if exit_code == -signal.SIGKILL:
        return (
            "The recipe was killed (signal 9): most often the machine ran out of memory. "
            "Its checkpoints are kept; retry, or use smaller batches."
        )
    if exit_code < 0:
        return f"The recipe was ended by signal {-exit_code}. Its checkpoints are kept; retry to go on from there."
    lines = [line for line in read_log_tail(log, start=log_start).splitlines() if line.strip()]
    is_error: Callable[[str], bool] = lambda line: line.startswith("error:")  # noqa: E731
    said = next(filter(is_error, reversed(lines)), lines[-1] if lines else f"The recipe ended with code {exit_code}.")
    return said.removeprefix("error:").strip()[:2000]
