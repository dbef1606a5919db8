"""The body of a chat completion, read strictly: what is not supported is refused and not ignored."""

import json
import math
import uuid
from dataclasses import dataclass, field
from typing import Any

from labeling.content import check_messages, check_text
from serving.errors import BadRequest

MAX_TOKENS = 4096
DEFAULT_TOKENS = 512
DEFAULT_TEMPERATURE = 0.7
MAX_PROMPT_CHARACTERS = 100_000
MAX_STOPS = 4

_KNOWN = {
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "seed", "stop", "stream",
    "stream_options", "user",
}  # fmt: skip
# What client libraries send along though it changes nothing: the values that are accepted, and ignored.
_WITHOUT_EFFECT: dict[str, list[Any]] = {
    "n": [1], "best_of": [1], "frequency_penalty": [0], "presence_penalty": [0], "logit_bias": [{}],
    "logprobs": [False], "top_logprobs": [0], "response_format": [{"type": "text"}], "tools": [[]],
    "tool_choice": ["none", "auto"], "parallel_tool_calls": [True, False], "functions": [[]],
    "function_call": ["none", "auto"], "store": [False], "metadata": [{}], "modalities": [["text"]],
    "service_tier": ["auto", "default"],
}  # fmt: skip


@dataclass(frozen=True)
class ChatRequest:
    """What to answer and how. `sampling` holds what goes to the engine, and is stored with the answer."""

    messages: list[dict[str, str]]
    sampling: dict[str, Any] = field(
        default_factory=lambda: {"max_tokens": DEFAULT_TOKENS, "temperature": DEFAULT_TEMPERATURE}
    )
    user: str = ""
    model: str = ""
    stream: bool = False
    include_usage: bool = False
    # The stored answer that the conversation goes on from, where it is known.
    follows: uuid.UUID | None = None


def read_chat_request(body: Any) -> ChatRequest:
    """Check a parsed body.

    Raises:
        BadRequest, BadContent: with the field and what it may hold.
    """
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object with `model` and `messages`.")
    given = {key: value for key, value in body.items() if value is not None}
    if strange := sorted(given.keys() - _KNOWN - _WITHOUT_EFFECT.keys()):
        raise BadRequest(f"This endpoint does not know {', '.join(strange)[:200]}. Leave it out.")
    _check_without_effect(given)
    options = given.get("stream_options", {})
    if not isinstance(options, dict) or not isinstance(given.get("stream", False), bool):
        raise BadRequest("`stream` must be true or false, and `stream_options` an object.")
    return ChatRequest(
        messages=_messages(given.get("messages")),
        sampling=_sampling(given),
        user=_text(given, "user", 500),
        model=_text(given, "model", 200),
        stream=given.get("stream", False),
        include_usage=bool(options.get("include_usage")),
    )


def _check_without_effect(given: dict[str, Any]) -> None:
    """What asks for something that this endpoint does not do is refused; what asks for nothing passes."""
    for name, passing in _WITHOUT_EFFECT.items():
        if name not in given or any(_are_same(given[name], value) for value in passing):
            continue
        if name == "n":
            raise BadRequest("This endpoint gives one answer a request: `n` must be 1. Send several requests instead.")
        texts = " or ".join(json.dumps(value) for value in passing)
        raise BadRequest(f"This endpoint has no `{name}`. Leave it out, or send {texts}.")


def _are_same(given: Any, passing: Any) -> bool:
    # Python's False is 0 and its True 1; JSON's are not.
    return bool(given == passing) and isinstance(given, bool) == isinstance(passing, bool)


def _messages(value: Any) -> list[dict[str, str]]:
    if value == []:
        raise BadRequest('`messages` is empty. Send at least one, such as [{"role": "user", "content": "Hello"}].')
    if not isinstance(value, list):
        raise BadRequest('`messages` must be a list such as [{"role": "user", "content": "Hello"}].')
    messages = check_messages([_plain(message) for message in value])
    if sum(len(message["content"]) for message in messages) > MAX_PROMPT_CHARACTERS:
        raise BadRequest(f"The conversation is longer than {MAX_PROMPT_CHARACTERS:,} characters. Shorten it.")
    return messages


def _plain(message: Any) -> Any:
    """OpenAI's newer spellings in the plain one: content in parts of text, the developer as the system."""
    if not isinstance(message, dict):
        return message
    plain = {key: value for key, value in message.items() if value is not None and key in ("role", "content")}
    if strange := sorted(key for key, value in message.items() if value and key not in ("role", "content", "name")):
        raise BadRequest(f"A message holds {', '.join(strange)[:100]}. Only role and content are understood here.")
    if plain.get("role") == "developer":
        plain["role"] = "system"
    parts = plain.get("content")
    if isinstance(parts, list):
        if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
            raise BadRequest("A message holds something else than text. This endpoint reads text alone.")
        plain["content"] = "".join(str(part.get("text", "")) for part in parts)
    return plain


def _sampling(given: dict[str, Any]) -> dict[str, Any]:
    tokens = given.get("max_completion_tokens", given.get("max_tokens", DEFAULT_TOKENS))
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 1 <= tokens <= MAX_TOKENS:
        raise BadRequest(f"`max_tokens` must be a whole number from 1 to {MAX_TOKENS}.")
    sampling: dict[str, Any] = {
        "max_tokens": tokens,
        "temperature": _number(given, "temperature", 0, 2, DEFAULT_TEMPERATURE),
    }
    if "top_p" in given:
        sampling["top_p"] = _number(given, "top_p", 0.001, 1, 1)
    if "seed" in given:
        seed = given["seed"]
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise BadRequest("`seed` must be a whole number from 0 to 2147483647.")
        sampling["seed"] = seed
    if "stop" in given:
        stops = [given["stop"]] if isinstance(given["stop"], str) else given["stop"]
        if not isinstance(stops, list) or not 0 < len(stops) <= MAX_STOPS or not all(map(_is_stop, stops)):
            raise BadRequest(f"`stop` must be a text, or a list of up to {MAX_STOPS} texts of 1 to 100 characters.")
        sampling["stop"] = stops
    return sampling


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100


def _number(given: dict[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(f"`{name}` must be a number from {low:g} to {high:g}.")
    if not low <= value <= high:
        raise BadRequest(f"`{name}` is {value:g}; it must lie between {low:g} and {high:g}.")
    return float(value)


def _text(given: dict[str, Any], name: str, longest: int) -> str:
    value = check_text(given.get(name, ""), f"`{name}`")
    if len(value) > longest:
        raise BadRequest(f"`{name}` is longer than {longest} characters.")
    return value
