"""A chat-completions body, checked. What the engine cannot do is refused, not ignored."""

import random
from dataclasses import dataclass
from typing import Any

ROLES = ("system", "user", "assistant")
# Sent by ordinary clients and without effect on the answer.
HARMLESS = {"user", "store", "metadata", "stream_options", "frequency_penalty", "presence_penalty", "service_tier"}
KNOWN = {
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "seed",
    "stop",
    "stream",
}


class BadRequest(Exception):
    """The sentence goes back to the caller with a 400."""


@dataclass(frozen=True)
class ChatRequest:
    model: str
    messages: list[dict[str, str]]
    max_tokens: int
    temperature: float
    top_p: float
    n: int
    seed: int
    stop: list[str]
    stream: bool


def read_request(body: Any) -> ChatRequest:
    """Check a decoded body.

    Raises:
        BadRequest: with what is wrong and what would be right.
    """
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object with `model` and `messages`.")
    unknown = {name for name, value in body.items() if value is not None} - KNOWN - HARMLESS
    if unknown:
        raise BadRequest(
            f"This engine does not know {', '.join(sorted(unknown))}. It knows {', '.join(sorted(KNOWN))}."
        )
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("`model` must name a directory that this engine serves; GET /v1/models lists them.")
    stop = body.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or not all(isinstance(text, str) and text for text in stop) or len(stop) > 4:
        raise BadRequest("`stop` must be a text or at most four texts.")
    seed = body.get("seed")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    return ChatRequest(
        model=model,
        messages=_messages(body.get("messages")),
        max_tokens=_whole(body, limit, 256, 1, 8192),
        temperature=_number(body, "temperature", 1.0, 0.0, 2.0),
        top_p=_number(body, "top_p", 1.0, 1e-6, 1.0),
        n=_whole(body, "n", 1, 1, 32),
        seed=_whole(body, "seed", 0, -(2**63), 2**63 - 1) if seed is not None else random.getrandbits(62),
        stop=stop,
        stream=body.get("stream") is True,
    )


def _messages(messages: Any) -> list[dict[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise BadRequest('`messages` must be a list such as [{"role": "user", "content": "Hello"}].')
    for number, message in enumerate(messages):
        fine = isinstance(message, dict) and message.get("role") in ROLES and isinstance(message.get("content"), str)
        if not fine:
            raise BadRequest(f"messages[{number}] must have a `role` among {', '.join(ROLES)} and a text as `content`.")
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _whole(body: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRequest(f"`{name}` must be a whole number from {low} to {high}.")
    return value


def _number(body: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequest(f"`{name}` must be a number from {low:g} to {high:g}.")
    return float(value)
