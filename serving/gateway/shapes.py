"""OpenAI's shapes of answers."""

import json
from typing import Any

from serving.models import ServedResponse


def completion(served: ServedResponse, model: str) -> dict[str, Any]:
    """A whole chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": served.text},
        "finish_reason": served.sampling.get("finish_reason", "stop"),
        "logprobs": None,
    }
    return _head(served, model, "chat.completion") | {"choices": [choice], "usage": usage(served)}


def chunk(served: ServedResponse, model: str, delta: dict[str, str], finish_reason: str | None = None) -> str:
    """One event of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return event(_head(served, model, "chat.completion.chunk") | {"choices": [choice]})


def usage_chunk(served: ServedResponse, model: str) -> str:
    """The event with the counts, for who asked for `include_usage`."""
    return event(_head(served, model, "chat.completion.chunk") | {"choices": [], "usage": usage(served)})


def event(payload: dict[str, Any]) -> str:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n"


def usage(served: ServedResponse) -> dict[str, int] | None:
    if served.prompt_tokens is None or served.completion_tokens is None:
        return None
    return {
        "prompt_tokens": served.prompt_tokens,
        "completion_tokens": served.completion_tokens,
        "total_tokens": served.prompt_tokens + served.completion_tokens,
    }


def _head(served: ServedResponse, model: str, kind: str) -> dict[str, Any]:
    return {
        "id": served.completion_id,
        "object": kind,
        "created": int(served.created_at.timestamp()),
        "model": model,
    }
