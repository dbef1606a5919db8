"""What comes back from an engine, read with distrust."""

import json
from dataclasses import dataclass
from typing import Any

from models_registry.errors import EngineNonsense, EngineUnavailable, TooLongForEngine


@dataclass(frozen=True)
class Completion:
    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True)
class Piece:
    """A part of a streamed answer. The last one has a finish_reason; the counts may come with it or after it."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def request_body(model: str, messages: list[dict[str, str]], **options: Any) -> dict[str, Any]:
    """The body of a request; options that are None are left out."""
    return {"model": model, "messages": messages} | {k: v for k, v in options.items() if v is not None}


def check_status(status: int, body: str) -> None:
    """Refuse what is not a 200.

    Raises:
        EngineUnavailable: the engine failed or is overloaded.
        TooLongForEngine: the conversation does not fit.
        EngineNonsense: it did not accept what we sent.
    """
    if status == 200:
        return
    said, code = _error_in(body)
    if status >= 500 or status == 429:
        raise EngineUnavailable(f"The engine answered {status}: {said or 'nothing'}. Look at its log, or try later.")
    if code == "context_length_exceeded" or "maximum context length" in said:
        raise TooLongForEngine(f"This does not fit into the model: {said} Shorten the conversation or ask for less.")
    raise EngineNonsense(f"The engine refused the request ({status}): {said or 'without a word'}.")


def _error_in(body: str) -> tuple[str, str]:
    """What an error says, and its code, in OpenAI's shape or as it is."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"])[:300], str(error.get("code"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(body.split())[:300], ""


def completions_in(payload: Any) -> list[Completion]:
    """The choices of a chat completion.

    Raises:
        EngineNonsense: it is not one.
    """
    choices = payload.get("choices") if isinstance(payload, dict) else None
    if not isinstance(choices, list) or not choices:
        raise EngineNonsense("The engine's answer is not a chat completion: it has no choices.")
    prompt_tokens, completion_tokens = _usage(payload)
    if len(choices) > 1:
        completion_tokens = None  # the count is of all of them together
    found = []
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(text, str):
            raise EngineNonsense("The engine's answer is not a chat completion: a choice has no text.")
        reason = str(choice.get("finish_reason") or "stop")
        found.append(Completion(_storable(text), reason, prompt_tokens, completion_tokens))
    return found


def piece_in(payload: Any) -> Piece:
    """One event of a stream.

    Raises:
        EngineUnavailable: the engine reports an error in the middle of an answer.
        EngineNonsense: it is no chunk of a chat completion.
    """
    if not isinstance(payload, dict):
        raise EngineNonsense("The engine's stream holds something that is not a chunk of a chat completion.")
    if error := payload.get("error"):
        said = error.get("message") if isinstance(error, dict) else error
        raise EngineUnavailable(f"The engine broke off: {str(said)[:300]}")
    choices = payload.get("choices")
    if not isinstance(choices, list):
        raise EngineNonsense("The engine's stream holds something that is not a chunk of a chat completion.")
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    return Piece(
        _storable(text) if isinstance(text, str) else "", str(choice.get("finish_reason") or ""), *_usage(payload)
    )


def _usage(payload: dict[str, Any]) -> tuple[int | None, int | None]:
    usage = payload.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    first, second = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return first, second


def _storable(text: str) -> str:
    # PostgreSQL stores no NUL, and half a surrogate pair is no UTF-8: a model may produce either.
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
