"""Feedback becomes an item, once: a thumb down beside a second answer, an edit beside its original. Both are blind."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from accounts.errors import AccordError
from labeling.errors import LabelingError
from labeling.hashing import hash_text
from labeling.models import Prompt, Response, ResponseOrigin, SelectionPolicy
from labeling.services import create_prompt, make_item, store_response
from models_registry.engine import complete, endpoint_of
from models_registry.errors import EngineError
from models_registry.models import ModelVersion
from models_registry.services import production_version
from serving.models import Feedback, ServedResponse, Signal

# In front of what the selection policies queue: somebody is unhappy now.
PRIORITY = 100.0
MAX_ATTEMPTS = 10
TRIES_FOR_ANOTHER_TEXT = 4


def settle_feedback(feedback: Feedback) -> None:
    """Make the item, or note why there is none. An engine that is away is tried again later, by the sweeper."""
    if not _claim(feedback, feedback.attempted_at):
        return
    served: ServedResponse = feedback.served_response
    if served.status != ServedResponse.Status.COMPLETE:
        _finish(feedback, "The answer was broken off: comparing it would be unfair.")
        return
    if feedback.signal == Signal.EDIT:
        _make_item(feedback, feedback.edited_text, None, {})
        return
    version = production_version(served.project_id) or served.version
    try:
        text, sampling = _another_answer(served, version)
    except AccordError as error:
        _try_later(feedback, error)
    else:
        _make_item(feedback, text, version, sampling)


def _claim(feedback: Feedback, seen: datetime | None) -> bool:
    """Compare-and-set: of two workers one goes on."""
    moment = now()
    claimed = Feedback.objects.filter(pk=feedback.pk, settled_at=None, attempted_at=seen).update(
        attempted_at=moment, attempts=F("attempts") + 1
    )
    if claimed:
        feedback.attempted_at, feedback.attempts = moment, feedback.attempts + 1
    return bool(claimed)


def _another_answer(served: ServedResponse, version: ModelVersion) -> tuple[str, dict[str, float]]:
    """A different text of the same version, a little warmer at each try.

    Raises:
        EngineError: the engine is away, or says the same thing every time.
    """
    endpoint = endpoint_of(version)
    warmth = max(float(served.sampling.get("temperature", 0.7)), 0.7)
    for extra in range(TRIES_FOR_ANOTHER_TEXT):
        sampling = {
            "max_tokens": served.sampling.get("max_tokens", 512),
            "temperature": min(warmth + 0.2 * extra, 1.5),
        }
        [answer] = complete(endpoint, served.messages, **sampling)
        if answer.text.strip() and answer.text.strip() != served.text.strip():
            return answer.text, sampling
    raise EngineError(f"{version.name} says the same thing every time: there is nothing to compare.")


def _make_item(feedback: Feedback, other: str, version: ModelVersion | None, sampling: dict[str, float]) -> None:
    served: ServedResponse = feedback.served_response
    if hash_text(other) == hash_text(served.text):
        _finish(feedback, "The edited text is the answer itself: there is nothing to compare.")
        return
    try:
        _store_item(feedback, served, other, version, sampling)
    except LabelingError as error:
        _finish(feedback, f"It could not become an item: {error.message}")


@transaction.atomic
def _store_item(
    feedback: Feedback, served: ServedResponse, other: str, version: ModelVersion | None, sampling: dict[str, float]
) -> None:
    if Feedback.objects.select_for_update().get(pk=feedback.pk).settled_at:
        return
    prompt, _ = create_prompt(project=served.project, messages=served.messages, source="feedback")
    original = _answer_of(prompt, served.text, served.version, served.sampling)
    if version is None:
        alternative, _ = store_response(prompt=prompt, text=other, origin=ResponseOrigin.PERSON, author=feedback.caller)
    else:
        alternative = _answer_of(prompt, other, version, sampling)
    item, _ = make_item(
        project=served.project, prompt=prompt, responses=[original, alternative], policy=SelectionPolicy.FEEDBACK,
        priority=PRIORITY, source_key=f"feedback:{feedback.pk}",
    )  # fmt: skip
    Feedback.objects.filter(pk=feedback.pk).update(item=item, settled_at=now(), note="")


def _answer_of(prompt: Prompt, text: str, version: ModelVersion, sampling: dict[str, float]) -> Response:
    response, _ = store_response(
        prompt=prompt, text=text, origin=ResponseOrigin.VERSION, version_id=version.pk, model_name=version.name,
        sampling=sampling,
    )  # fmt: skip
    return response


def _finish(feedback: Feedback, note: str) -> None:
    Feedback.objects.filter(pk=feedback.pk, settled_at=None).update(settled_at=now(), note=note)


def _try_later(feedback: Feedback, error: AccordError) -> None:
    if feedback.attempts >= MAX_ATTEMPTS:
        _finish(feedback, f"Given up after {feedback.attempts} attempts: {error.message}")
    else:
        Feedback.objects.filter(pk=feedback.pk, settled_at=None).update(note=error.message)
