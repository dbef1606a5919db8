"""An answer's life: opened before the engine is asked, closed when it is known how it ended."""

import hashlib
import hmac
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from accounts.errors import AccordError
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project
from models_registry.engine import Piece, endpoint_of, stream_now
from serving.chat_request import ChatRequest
from serving.models import ServedResponse
from serving.services.routing import choose_route

FALLBACK = "fallback"
Status = ServedResponse.Status


def open_answer(*, project: Project, by: Membership, chat: ChatRequest) -> ServedResponse:
    """Choose the version and store that it was asked.

    Raises:
        NotPermitted: the member, or its token, may not use the endpoint.
        NotServed: no version is in production.
    """
    check_can(by, Permission.USE_ENDPOINT)
    end_user = _pseudonym(project, chat.user) if chat.user else ""
    route = choose_route(project=project, sticky_key=end_user or f"member {by.pk}")
    served: ServedResponse = ServedResponse.objects.create(
        organisation=by.organisation, project=project, version=route.version, stage=route.stage,
        propensity=route.propensity, caller=by.user, end_user=end_user, messages=chat.messages,
        sampling=chat.sampling | ({"follows": str(chat.follows)} if chat.follows else {}),
    )  # fmt: skip
    served.fallback = route.fallback
    return served


def close_answer(
    served: ServedResponse,
    *,
    text: str,
    finish_reason: str = "",
    prompt_tokens: int | None = None,
    completion_tokens: int | None = None,
) -> ServedResponse:
    """Store the whole answer."""
    sampling = served.sampling | ({"finish_reason": finish_reason} if finish_reason else {})
    return _close(
        served, Status.COMPLETE, text=text, sampling=sampling, prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )  # fmt: skip


def interrupt_answer(served: ServedResponse, *, text: str) -> ServedResponse:
    """Store what had been written when the client left."""
    return _close(served, Status.INTERRUPTED, text=text, error="The client left before the answer was whole.")


def fail_or_fall_back(served: ServedResponse, error: AccordError, *, text: str = "") -> ServedResponse | None:
    """Store the failure. A canary that failed before its first word is answered for by production, once.

    The second answer's stage is `fallback`, and its propensity that of the draw which led to it (the canary's share):
    it was given because the canary failed, and not drawn as production's own.

    Returns:
        The answer to give instead, or None.
    """
    _close(served, Status.FAILED, text=text, error=error.message)
    if served.fallback is None or text:
        return None
    instead: ServedResponse = ServedResponse.objects.create(
        organisation_id=served.organisation_id, project_id=served.project_id, version=served.fallback, stage=FALLBACK,
        propensity=served.propensity, caller_id=served.caller_id, end_user=served.end_user, messages=served.messages,
        sampling=served.sampling | {"instead_of": served.completion_id},
    )  # fmt: skip
    return instead


def answer_in_pieces(
    *, project: Project, by: Membership, chat: ChatRequest
) -> Generator[str | ServedResponse, None, None]:
    """Answer in the foreground, as the gateway does: the words as they are written and, last, the stored answer.

    Leaving in the middle ends the engine's work, and stores what had been written.

    Raises:
        NotPermitted, NotServed: as open_answer.
        EngineUnavailable, EngineTimeout, EngineNonsense, ArtifactDamaged: no answer, or no more of it; this is stored.
    """
    served: ServedResponse | None = open_answer(project=project, by=by, chat=chat)
    while served is not None:
        text, last = "", Piece()
        try:
            for piece in stream_now(endpoint_of(served.version), served.messages, **chat.sampling):
                text, last = text + piece.text, _merge(last, piece)
                if piece.text:
                    yield piece.text
        except AccordError as error:
            served = fail_or_fall_back(served, error, text=text)
            if served is None:
                raise
        except GeneratorExit:
            interrupt_answer(served, text=text)
            raise
        else:
            yield close_answer(
                served, text=text, finish_reason=last.finish_reason, prompt_tokens=last.prompt_tokens,
                completion_tokens=last.completion_tokens,
            )  # fmt: skip
            return


def with_refusal(
    parts: Iterable[str | ServedResponse], *, close: Callable[[], None]
) -> Iterator[str | ServedResponse | AccordError]:
    """The parts, and last the refusal in the place of those that will not come: the status was sent long ago."""
    try:
        yield from parts
    except AccordError as refused:
        yield refused
    finally:
        # A browser that leaves closes this one: that must end the engine's work too.
        close()


def answer_now(*, project: Project, by: Membership, chat: ChatRequest) -> ServedResponse:
    """The whole answer. Raises as answer_in_pieces."""
    *_, served = answer_in_pieces(project=project, by=by, chat=chat)
    assert isinstance(served, ServedResponse)
    return served


def _merge(known: Piece, piece: Piece) -> Piece:
    """What the pieces so far say of the end: why, and the counts."""
    return Piece(
        "",
        piece.finish_reason or known.finish_reason,
        known.prompt_tokens if piece.prompt_tokens is None else piece.prompt_tokens,
        known.completion_tokens if piece.completion_tokens is None else piece.completion_tokens,
    )


def _close(served: ServedResponse, status: str, **changes: Any) -> ServedResponse:
    changes |= {"status": status, "milliseconds": int((now() - served.created_at).total_seconds() * 1000)}
    # Compare-and-set: an answer ends once. The client's leaving and the engine's end may come together.
    ServedResponse.objects.filter(pk=served.pk, status=Status.STARTED).update(**changes)
    for name, value in changes.items():
        setattr(served, name, value)
    return served


def _pseudonym(project: Project, user: str) -> str:
    """The application's name for its user, hashed with our key: the same within a project, and no name."""
    return hmac.new(settings.SECRET_KEY.encode(), f"{project.pk}\n{user}".encode(), hashlib.sha256).hexdigest()
