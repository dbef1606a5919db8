"""Carrying out a scoring job: by the process that has the version loaded, or by one that loads it."""

import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from subprocess import Popen
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from accounts.errors import AccordError
from models_registry.services import artifact_path
from training.enqueue import enqueue_due, enqueue_scoring
from training.errors import BadResult, IllegalMove, NotReady
from training.models import RunStatus, ScoringJob
from training.process import start_recipe, stop_processes
from training.services.finish_run import read_result, say_why
from training.services.warm_scoring import say_too_long, score_warm
from training.states import move_status

MAX_SECONDS = 600.0
KEPT_HOURS = 24


def claim_scoring(*, job_id: int) -> ScoringJob | None:
    """The job, now running under a new fence, or None: it is not queued any more."""
    job: ScoringJob | None = ScoringJob.objects.select_related("version__base").filter(pk=job_id).first()
    if job is None or job.status != RunStatus.QUEUED:
        return None
    try:
        return move_status(
            job, to=RunStatus.RUNNING, fence=job.fence + 1, attempts=job.attempts + 1, heartbeat_at=now()
        )
    except IllegalMove:
        return None


def execute_scoring(*, job: ScoringJob) -> None:
    """Run the recipe of a claimed job to its end. Its files are deleted, and no process of it is left behind."""
    stop_processes(job.directory)  # of an earlier claim on this machine
    shutil.rmtree(job.directory, ignore_errors=True)
    with suppress(IllegalMove):  # declared lost meanwhile: another worker asks again
        try:
            config = _prepare(job)
            if not score_warm(config, job.directory, seconds=MAX_SECONDS, between=_beats(job)):
                _run(job)
            result = _scores(job)
        except (AccordError, OSError) as problem:
            move_status(job, to=RunStatus.FAILED, error=getattr(problem, "message", str(problem)), request={})
        else:
            move_status(job, to=RunStatus.SUCCEEDED, result=result, error="", request={})
    shutil.rmtree(job.directory, ignore_errors=True)


def _prepare(job: ScoringJob) -> dict[str, str]:
    base = job.version.base
    if base is None or not base.artifact_hash:
        raise NotReady(f"The base model of {job.version.name} is not on this machine, so it cannot score.")
    config = {"base_dir": str(artifact_path(base)), "reward_model_dir": str(artifact_path(job.version))}
    job.directory.mkdir(parents=True)
    (job.directory / "request.json").write_text(json.dumps(job.request))
    (job.directory / "config.json").write_text(json.dumps(config))
    return config


def _scores(job: ScoringJob) -> dict[str, Any]:
    result = read_result(job.directory)
    return {"pairs": result.get("pairs", []), "lists": result.get("lists", [])}


def _run(job: ScoringJob) -> None:
    """By a process for this job alone: what is loaded is busy with another version, or was lost."""
    process = start_recipe("score", job.directory)
    try:
        exit_code = _watch(job, process)
    finally:
        stop_processes(job.directory, grace_seconds=1)
        process.wait()
    if exit_code != 0:
        raise BadResult(say_why(job.directory / "log.txt", exit_code, 0))


def _watch(job: ScoringJob, process: Popen[bytes]) -> int:
    started, beat = time.monotonic(), _beats(job)
    while (exit_code := process.poll()) is None:
        time.sleep(0.05)
        if time.monotonic() - started > MAX_SECONDS:
            raise BadResult(say_too_long(MAX_SECONDS))
        beat()
    return exit_code


def _beats(job: ScoringJob) -> Callable[[], None]:
    """To be called often; raises IllegalMove when the job was given to another worker."""
    beaten = time.monotonic()

    def beat() -> None:
        nonlocal beaten
        if time.monotonic() - beaten > settings.RUN_HEARTBEAT_SECONDS:
            beaten = time.monotonic()
            claimed = ScoringJob.objects.filter(pk=job.pk, status=RunStatus.RUNNING, fence=job.fence)
            if not claimed.update(heartbeat_at=now()):
                raise IllegalMove("This job was given to another worker.")

    return beat


@transaction.atomic
def sweep_scoring() -> None:
    """What no message reached, what stopped beating, and what is a day old. Safe to run at any time."""
    moment = now()
    for job in ScoringJob.objects.lost().select_for_update(skip_locked=True):
        if job.attempts < settings.RUN_MAX_ATTEMPTS:
            move_status(job, to=RunStatus.QUEUED, enqueued_at=None)
        else:
            sentence = f"Its worker was lost {job.attempts} times. Send fewer answers at a time."
            move_status(job, to=RunStatus.FAILED, error=sentence, request={})
    # The message of a job this young is still on its way.
    due = ScoringJob.objects.unheard().filter(created_at__lt=moment - timedelta(seconds=2))
    enqueue_due(due, enqueue_scoring)
    ScoringJob.objects.filter(created_at__lt=moment - timedelta(hours=KEPT_HOURS)).delete()
