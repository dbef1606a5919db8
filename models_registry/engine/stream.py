"""An answer as it is written: for the gateway, and for the playground."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.conf import settings

from models_registry.engine.answer import Piece, check_status, piece_in, request_body
from models_registry.engine.endpoint import EngineEndpoint
from models_registry.engine.transport import async_client, client, failures_translated, headers, timeouts
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
    finished = False
    with failures_translated(endpoint, seconds):
        async with async_client().stream(**_request(endpoint, messages, seconds, options)) as answer:
            if answer.status_code != 200:
                check_status(answer.status_code, (await answer.aread()).decode("utf-8", "replace"))
            async for line in answer.aiter_lines():
                if (text := _data_of(line)) == "[DONE]":
                    break
                if text:
                    piece = piece_in(_parse(text))
                    finished = finished or bool(piece.finish_reason)
                    yield piece
    _check_finished(finished)


def stream_now(
    endpoint: EngineEndpoint, messages: list[dict[str, str]], *, timeout: float | None = None, **options: Any
) -> Iterator[Piece]:
    """The same in the foreground. Closing the generator ends the engine's work."""
    seconds = timeout or float(settings.ENGINE_TIMEOUT_SECONDS)
    finished = False
    with (
        failures_translated(endpoint, seconds),
        client().stream(**_request(endpoint, messages, seconds, options)) as answer,
    ):
        if answer.status_code != 200:
            check_status(answer.status_code, answer.read().decode("utf-8", "replace"))
        for line in answer.iter_lines():
            if (text := _data_of(line)) == "[DONE]":
                break
            if text:
                piece = piece_in(_parse(text))
                finished = finished or bool(piece.finish_reason)
                yield piece
    _check_finished(finished)


def _request(
    endpoint: EngineEndpoint, messages: list[dict[str, str]], seconds: float, options: dict[str, Any]
) -> dict[str, Any]:
    body = request_body(endpoint.model, messages, stream=True, **options)
    if not endpoint.embedded:
        body["stream_options"] = {"include_usage": True}
    return {
        "method": "POST",
        "url": f"{endpoint.base_url}/chat/completions",
        "json": body,
        "headers": headers(endpoint),
        "timeout": timeouts(seconds),
    }


def _data_of(line: str) -> str:
    # Comments and other fields of an event stream say nothing here.
    return line.removeprefix("data:").strip() if line.startswith("data:") else ""


def _check_finished(finished: bool) -> None:
    if not finished:
        raise EngineUnavailable("The engine ended the answer in the middle. Try again in a few seconds.")


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise EngineNonsense("The engine's stream holds something that is not JSON.") from error
