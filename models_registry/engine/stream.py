"""An answer as it is written: for the gateway."""

import json
from collections.abc import AsyncIterator
from typing import Any

from django.conf import settings

from models_registry.engine.answer import Piece, check_status, piece_in, request_body
from models_registry.engine.endpoint import EngineEndpoint
from models_registry.engine.transport import async_client, failures_translated, headers, timeouts
from models_registry.errors import EngineNonsense, EngineUnavailable


async def stream(
    endpoint: EngineEndpoint, messages: list[dict[str, str]], *, timeout: float | None = None, **options: Any
) -> AsyncIterator[Piece]:
    """The pieces of one answer. Leaving the loop early ends the engine's work.

    Args:
        timeout: seconds without a byte after which the engine counts as stuck.
        options: max_tokens, temperature, top_p, seed, stop, as OpenAI names them.

    Raises:
        EngineUnavailable, EngineTimeout, EngineNonsense: before the first piece, or in the middle.
    """
    seconds = timeout or float(settings.ENGINE_TIMEOUT_SECONDS)
    body = request_body(endpoint.model, messages, stream=True, **options)
    if not endpoint.embedded:
        body["stream_options"] = {"include_usage": True}
    finished = False
    with failures_translated(endpoint, seconds):
        async with async_client().stream(
            "POST",
            f"{endpoint.base_url}/chat/completions",
            json=body,
            headers=headers(endpoint),
            timeout=timeouts(seconds),
        ) as answer:
            if answer.status_code != 200:
                check_status(answer.status_code, (await answer.aread()).decode("utf-8", "replace"))
            async for line in answer.aiter_lines():
                # Comments and other fields of an event stream say nothing here.
                text = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                if text == "[DONE]":
                    break
                if text:
                    piece = piece_in(_parse(text))
                    finished = finished or bool(piece.finish_reason)
                    yield piece
    if not finished:
        raise EngineUnavailable("The engine ended the answer in the middle. Try again in a few seconds.")


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise EngineNonsense("The engine's stream holds something that is not JSON.") from error
