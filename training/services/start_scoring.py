"""Asking a reward model about answers: checked, queued, and waited for a while."""

import time
from threading import BoundedSemaphore
from typing import Any

from django.db import transaction

from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_messages, check_text
from models_registry.models import ModelVersion, VersionKind
from models_registry.services import artifact_path
from training.enqueue import enqueue_scoring
from training.errors import NoRewardModel, TooMuchAsked
from training.models import ScoringJob

MAX_ANSWERS = 256
MAX_CHARACTERS = 20_000  # of one answer, or of all messages of one prompt
MAX_ALL_CHARACTERS = 1_000_000
MAX_UNFINISHED = 20  # jobs of one organisation
MAX_WAIT_SECONDS = 30.0
# So many requests of a process wait; others are told at once where to look. Pages are served by the same threads.
_waiting = BoundedSemaphore(2)
_POLL_SECONDS = 0.05


@transaction.atomic
def start_scoring(
    *,
    version: ModelVersion,
    by: Membership,
    pairs: list[dict[str, Any]] | None = None,
    lists: list[dict[str, Any]] | None = None,
) -> ScoringJob:
    """Queue the answers for a worker that may load the model.

    Args:
        pairs: `{"prompt", "response_a", "response_b"}`; lists: `{"prompt", "responses"}`. A prompt is text or messages.

    Raises:
        NotPermitted
        NoRewardModel: the version is of another kind, or has no artifact here.
        ArtifactDamaged: its files are not what was registered.
        Invalid, BadContent: nothing, too much, or what is no prompt or answer.
        TooMuchAsked: the organisation has too many jobs that have not ended.
    """
    check_can(by, Permission.USE_ENDPOINT)
    if version.kind != VersionKind.REWARD_MODEL or not version.artifact_hash:
        raise NoRewardModel(
            f"{version.name} is a {version.get_kind_display().lower()}, and only reward models score answers. "
            f"GET /api/v1/versions?project={version.project_id}&kind=reward_model lists them."
        )
    request = _checked(pairs or [], lists or [])
    artifact_path(version)
    unfinished = ScoringJob.objects.for_member(by).unfinished().count()
    if unfinished >= MAX_UNFINISHED:
        raise TooMuchAsked(f"{unfinished} scoring jobs have not ended yet. Wait for them, and ask again.")
    job: ScoringJob = ScoringJob.objects.create(
        project_id=version.project_id, version=version, request=request, created_by=by.user
    )
    enqueue_scoring(job.pk)
    return job


def wait_for_scores(job: ScoringJob, *, seconds: float = MAX_WAIT_SECONDS) -> ScoringJob:
    """The job as it is when it has ended, or after so long. Not to be called in a transaction."""
    if seconds <= 0 or not _waiting.acquire(blocking=False):
        return job
    try:
        deadline = time.monotonic() + min(seconds, MAX_WAIT_SECONDS)
        while not job.is_finished and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            job.refresh_from_db(fields=["status", "result", "error", "finished_at"])
    finally:
        _waiting.release()
    return job


def _checked(pairs: list[dict[str, Any]], lists: list[dict[str, Any]]) -> dict[str, Any]:
    count = 2 * len(pairs) + sum(len(one["responses"]) for one in lists)
    if not count:
        raise Invalid("There is nothing to score. Send pairs, or lists of responses.", fields={"pairs": "Send some."})
    if count > MAX_ANSWERS:
        raise Invalid(f"{count} answers are too many for one call. Send at most {MAX_ANSWERS} at a time.")
    request: dict[str, list[dict[str, Any]]] = {
        "pairs": [
            {
                "prompt": _prompt(pair["prompt"], f"pair {number}"),
                "response_a": _answer(pair["response_a"], f"response_a of pair {number}"),
                "response_b": _answer(pair["response_b"], f"response_b of pair {number}"),
            }
            for number, pair in enumerate(pairs, 1)
        ],
        "lists": [
            {
                "prompt": _prompt(one["prompt"], f"list {number}"),
                "responses": [
                    _answer(text, f"response {place} of list {number}")
                    for place, text in enumerate(one["responses"], 1)
                ],
            }
            for number, one in enumerate(lists, 1)
        ],
    }
    total = sum(_characters(row) for rows in request.values() for row in rows)
    if total > MAX_ALL_CHARACTERS:
        raise Invalid(f"{total:,} characters are too many for one call. Send at most {MAX_ALL_CHARACTERS:,} at a time.")
    return request


def _prompt(given: Any, where: str) -> list[dict[str, str]]:
    messages = check_messages(given)
    _check_length(sum(len(message["content"]) for message in messages), f"The prompt of {where}")
    return messages


def _answer(given: Any, what: str) -> str:
    text = check_text(given, what.capitalize())
    _check_length(len(text), what.capitalize())
    return text


def _check_length(characters: int, what: str) -> None:
    if characters > MAX_CHARACTERS:
        raise Invalid(f"{what} has {characters:,} characters. At most {MAX_CHARACTERS:,} can be scored.")


def _characters(row: dict[str, Any]) -> int:
    texts = [row["response_a"], row["response_b"]] if "response_a" in row else row["responses"]
    return sum(len(text) for text in texts) + sum(len(message["content"]) for message in row["prompt"])
