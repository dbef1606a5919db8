"""The body of POST /v1/feedback: `{"id", "thumb": "up" | "down"}` or `{"id", "edited_text"}`, comment?, client_id?."""

import uuid
from typing import Any

from django.http import HttpRequest

from accounts.errors import NotFound
from serving.errors import BadRequest
from serving.gateway.requests import json_body, member_of
from serving.models import ServedResponse, Signal
from serving.services import record_feedback

_KNOWN = {"id", "thumb", "edited_text", "comment", "client_id"}
_THUMBS = {"up": Signal.THUMB_UP, "down": Signal.THUMB_DOWN}


def store_feedback(request: HttpRequest) -> tuple[dict[str, Any], bool]:
    """Check the body and record it; the second value says whether it is new.

    Raises:
        BadRequest: a key or a value that feedback does not have.
        NotFound: no such answer in the caller's organisation.
    """
    member = member_of(request)
    body = json_body(request)
    if not isinstance(body, dict):
        raise BadRequest('The body must be an object such as {"id": "chatcmpl-…", "thumb": "up"}.')
    if strange := sorted(body.keys() - _KNOWN):
        raise BadRequest(f"Feedback has no {', '.join(strange)[:200]}. It has {', '.join(sorted(_KNOWN))}.")
    texts = {name: body.get(name) or "" for name in ("comment", "edited_text")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise BadRequest("`comment` and `edited_text` must be texts.")
    served = ServedResponse.objects.for_member(member).filter(pk=_answer_id(body.get("id"))).first()
    if served is None:
        raise NotFound("There is no such answer here. Send the `id` of the completion.")
    feedback, created = record_feedback(
        served=served, by=member, signal=_signal(body), client_id=_client_id(body.get("client_id")), **texts
    )
    found = {"id": feedback.pk, "object": "feedback", "completion_id": served.completion_id, "signal": feedback.signal}
    return found, created


def _signal(body: dict[str, Any]) -> str:
    thumb, edited = body.get("thumb"), body.get("edited_text")
    if (thumb is None) == (not edited):
        raise BadRequest('Send either `thumb` ("up" or "down") or `edited_text`.')
    if edited:
        return Signal.EDIT
    if not isinstance(thumb, str) or thumb not in _THUMBS:
        raise BadRequest('`thumb` is "up" or "down".')
    return _THUMBS[thumb]


def _answer_id(value: Any) -> uuid.UUID:
    text = value.removeprefix("chatcmpl-") if isinstance(value, str) else ""
    return _uuid(text, "`id` must be the id of a completion: chatcmpl- and 32 digits.")


def _client_id(value: Any) -> uuid.UUID | None:
    return None if value is None else _uuid(value, "`client_id` must be a UUID that you make for each feedback.")


def _uuid(value: Any, otherwise: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadRequest(otherwise) from error
