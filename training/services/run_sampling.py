"""Having a version answer a project's prompts through the engine, from wherever an earlier attempt stopped."""

import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils.timezone import now

from accounts.errors import AccordError
from labeling.models import Prompt
from models_registry.engine import EngineEndpoint, complete, endpoint_of
from models_registry.errors import EngineUnavailable
from models_registry.models import ModelVersion, VersionKind
from training.enqueue import enqueue_sampling
from training.errors import IllegalMove
from training.models import RunStatus, SamplingJob
from training.services.answer_prompt import Answers, Ask, collect_answers, make_pairs, store_answers
from training.states import move_status

# The first prompts go alone, so that somebody can begin to judge at once.
FIRST_PROMPTS = 2
# After so long a job goes to the end of the queue: the workers also expire leases and sweep.
SLICE_SECONDS = 90.0
MAX_ERRORS = 8
MAX_BARREN_ATTEMPTS = 6
BACKOFF_SECONDS = (5, 10, 20, 40, 80, 160, 300)


@dataclass
class Attempt:
    """What this attempt brought so far."""

    waiting: list[int]
    done: int
    answered: int = 0
    paired: int = 0
    failed: int = 0
    errors: list[AccordError] = field(default_factory=list)
    errors_in_a_row: int = 0
    # Prompts of `waiting` that were not asked for want of time.
    postponed: int = 0

    @property
    def is_hopeless(self) -> bool:
        """The engine refuses whatever it is asked."""
        return self.errors_in_a_row >= MAX_ERRORS


def claim_sampling(*, job_id: int) -> SamplingJob | None:
    """The job, now running under a new fence, or None: it is not queued, not due, or waits for its run."""
    job: SamplingJob | None = (
        SamplingJob.objects.select_related("project__organisation", "version", "after").filter(pk=job_id).first()
    )
    if job is None or job.status != RunStatus.QUEUED or job.cancel_requested_at:
        return None
    if job.next_attempt_at and job.next_attempt_at > now():
        return None
    version = job.version
    if version is None:
        made = ModelVersion.objects.filter(run_id=job.after_id).exclude(kind=VersionKind.REWARD_MODEL)
        version = made.select_related("base").first()
        if version is None:
            return None
    try:
        return move_status(job, to=RunStatus.RUNNING, fence=job.fence + 1, version=version, heartbeat_at=now())
    except IllegalMove:
        return None


def run_sampling(*, job: SamplingJob) -> None:
    """Ask for what is missing, and settle the job: done, cancelled, or queued again with the engine's sentence."""
    assert job.version is not None
    attempt = _plan(job)
    went_on = _beat(job, attempt)
    try:
        went_on = went_on and _answer_all(job, attempt, endpoint_of(job.version))
    except AccordError as refusal:  # the version cannot be resolved to an endpoint
        attempt.errors.append(refusal)
    if went_on:
        with suppress(IllegalMove):  # declared dead meanwhile
            _settle(job, attempt)


def _plan(job: SamplingJob) -> Attempt:
    own = Q(responses__version_id=job.version_id)
    prompts = Prompt.objects.filter(project=job.project).annotate(own=Count("responses", filter=own)).order_by("pk")
    answered = prompts.filter(own__gte=job.responses_per_prompt)
    waiting = list(prompts.filter(own__lt=job.responses_per_prompt).values_list("pk", flat=True))
    # Responses without their item came by another way than this job, which stores both together.
    for prompt in answered.exclude(items__responses__version_id=job.version_id):
        make_pairs(job, prompt)
    # Held-out prompts and others mixed; another order each time, so that a few bad ones do not always come first.
    random.Random(f"{job.pk}/{job.fence}").shuffle(waiting)
    done = answered.count()
    job.total = done + len(waiting)
    return Attempt(waiting=waiting, done=done)


def _answer_all(job: SamplingJob, attempt: Attempt, endpoint: EngineEndpoint) -> bool:
    """False when the job is no longer ours."""
    # Requests have threads of their own, so that the answers to one prompt are written side by side.
    width = max(1, settings.ENGINE_CONCURRENCY // job.responses_per_prompt)
    pool, requests = ThreadPoolExecutor(width), ThreadPoolExecutor(settings.ENGINE_CONCURRENCY)
    ask = _asker(job, endpoint, requests)
    prompts = iter(attempt.waiting)
    deadline = time.monotonic() + SLICE_SECONDS
    asked: dict[Future[Answers], Prompt] = {}
    try:
        while True:
            room = (width if attempt.answered else min(width, FIRST_PROMPTS)) - len(asked)
            while room > 0 and not attempt.is_hopeless and (prompt_id := next(prompts, None)) is not None:
                prompt = Prompt.objects.get(pk=prompt_id)
                known = set(prompt.responses.filter(version_id=job.version_id).values_list("text", flat=True))
                wanted = job.responses_per_prompt - len(known)
                asked[pool.submit(collect_answers, prompt, known, wanted, ask)] = prompt
                room -= 1
            if attempt.answered and time.monotonic() > deadline:
                attempt.postponed += sum(1 for _ in prompts)
            if not asked:
                return True
            ended, _ = wait(asked, timeout=1, return_when=FIRST_COMPLETED)
            for future in ended:
                _take(job, attempt, asked.pop(future), future)
            if not _beat(job, attempt):
                return False
    finally:
        # Not waited for: after a cancel, what the engine still says is not wanted.
        pool.shutdown(wait=False, cancel_futures=True)
        requests.shutdown(wait=False, cancel_futures=True)


def _asker(job: SamplingJob, endpoint: EngineEndpoint, requests: ThreadPoolExecutor) -> Ask:
    def complete_some(messages: list[dict[str, str]], count: int) -> list[str]:
        completions = complete(
            endpoint,
            messages,
            n=count,
            max_tokens=job.max_tokens,
            temperature=job.temperature,
            timeout=settings.ENGINE_TIMEOUT_SECONDS,
        )
        return [completion.text for completion in completions]

    def ask(messages: list[dict[str, str]], count: int) -> list[str]:
        # The embedded engine gives one answer a request; others write all of them in one, and read the prompt once.
        parts = [1] * count if endpoint.embedded else [count]
        asked = [requests.submit(complete_some, messages, part) for part in parts]
        return [text for each in asked for text in each.result()]

    return ask


def _take(job: SamplingJob, attempt: Attempt, prompt: Prompt, future: "Future[Answers]") -> None:
    try:
        answers = future.result()
    except AccordError as error:
        attempt.errors.append(error)
        attempt.errors_in_a_row += 1
        return
    attempt.errors_in_a_row = 0
    attempt.answered += 1
    if store_answers(job, prompt, answers):
        attempt.done += 1
        attempt.paired += 1
    else:
        attempt.failed += 1


def _beat(job: SamplingJob, attempt: Attempt) -> bool:
    """Write how far it is. False, and nothing is written, when the job was declared dead or cancelled."""
    claimed = SamplingJob.objects.filter(pk=job.pk, status=RunStatus.RUNNING, fence=job.fence)
    changes = {"done": attempt.done, "failed": attempt.failed, "total": job.total, "version": job.version}
    if not claimed.update(heartbeat_at=now(), **changes):
        return False
    if not claimed.filter(cancel_requested_at__isnull=False).exists():
        return True
    with suppress(IllegalMove):
        move_status(job, to=RunStatus.CANCELLED)
    return False


def _settle(job: SamplingJob, attempt: Attempt) -> None:
    # A slice without a single pair: what is left cannot be answered twice, and would be asked for ever.
    if attempt.postponed and attempt.paired and not attempt.is_hopeless:
        move_status(job, to=RunStatus.QUEUED, attempts=0, next_attempt_at=None, error="")
        enqueue_sampling(job.pk)
        return
    if not attempt.errors:
        failed = attempt.failed + attempt.postponed
        sentence = (
            f"{failed} prompt{'s' if failed != 1 else ''} got fewer than two different answers; there "
            "is nothing to compare there. A higher temperature helps."
        )
        move_status(job, to=RunStatus.SUCCEEDED, failed=failed, error=sentence if failed else "", next_attempt_at=None)
        return
    error = attempt.errors[-1]
    barren = 0 if attempt.answered else job.attempts + 1
    if barren >= MAX_BARREN_ATTEMPTS and not isinstance(error, EngineUnavailable):
        move_status(
            job, to=RunStatus.FAILED, error=f"{error.message} It was tried {barren} times; what was written is kept."
        )
        return
    pause = BACKOFF_SECONDS[min(barren, len(BACKOFF_SECONDS) - 1)]
    move_status(
        job,
        to=RunStatus.QUEUED,
        attempts=barren,
        next_attempt_at=now() + timedelta(seconds=pause),
        error=f"{error.message} What was written is kept; the next attempt follows by itself.",
    )
