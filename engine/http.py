"""OpenAI's addresses and shapes over the scheduler."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from engine.batch import Row
from engine.request import BadRequest, ChatRequest, read_request
from engine.scheduler import Scheduler

MAX_BODY_BYTES = 8 * 1024 * 1024
Event = tuple[int, str, str | None] | BaseException


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": {"message": message, "type": "invalid_request_error", "code": code}}, status_code=status
    )


class Completion:
    """The rows of one request and the events that they send to its coroutine."""

    def __init__(self, scheduler: Scheduler, directory: Path, request: ChatRequest, prompt_ids: list[int]) -> None:
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self.created = int(time.time())
        self.request = request
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def put(event: Event) -> None:
            # Decoding goes on while the server shuts down and its loop has closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self.events.put_nowait, event)

        def row(number: int) -> Row:
            return Row(
                prompt_ids=prompt_ids,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                top_p=request.top_p,
                stop=request.stop,
                generator=torch.Generator().manual_seed((request.seed + number) % 2**63),
                on_text=lambda text, reason: put((number, text, reason)),
            )

        self.rows = [row(number) for number in range(request.n)]
        for each in self.rows:
            scheduler.submit(directory, each, put)

    async def __aiter__(self) -> AsyncIterator[tuple[int, str, str | None]]:
        """(choice, text so far, finish reason) until all choices have ended; leaving early cancels the unfinished."""
        try:
            left = self.request.n
            while left:
                event = await self.events.get()
                if isinstance(event, BaseException):
                    raise event
                left -= event[2] is not None
                yield event
        finally:
            for row in self.rows:
                row.cancelled = row.finish_reason is None

    @property
    def usage(self) -> dict[str, int]:
        prompt = len(self.rows[0].prompt_ids)
        written = sum(len(row.token_ids) for row in self.rows)
        return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def make_app(scheduler: Scheduler) -> Starlette:
    """The engine's addresses."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def models(request: Request) -> Response:
        entries = [{"id": name, "object": "model", "owned_by": "accord"} for name in scheduler.versions.names()]
        return JSONResponse({"object": "list", "data": entries})

    async def load(request: Request) -> Response:
        """Read a version into memory ahead of its first request."""
        body = json.loads(await request.body() or b"{}")
        directory = scheduler.versions.directory(str(body.get("model", "")))
        if directory is None:
            return _error(404, "model_not_found", "This engine does not serve that directory.")
        scheduler.versions.load(directory)
        return JSONResponse({"status": "loading"}, status_code=202)

    async def chat(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
            return _error(413, "too_large", f"The body may have {MAX_BODY_BYTES} bytes at most.")
        try:
            asked = read_request(json.loads(await request.body()))
        except (ValueError, RecursionError):
            return _error(400, "bad_json", "The body is not JSON.")
        except BadRequest as problem:
            return _error(400, "bad_request", str(problem))
        directory = scheduler.versions.directory(asked.model)
        if directory is None:
            return _error(
                404,
                "model_not_found",
                f"This engine does not serve {asked.model!r}; GET /v1/models lists what it does.",
            )
        try:
            version = await asyncio.wrap_future(scheduler.versions.load(directory))
            text = version.tokenizer.apply_chat_template(asked.messages, add_generation_prompt=True, tokenize=False)
        except Exception as problem:  # noqa: BLE001 - whatever a foreign directory or template does, the caller is told
            return _error(422, "cannot_serve", f"{asked.model!r} cannot be served: {problem}")
        prompt_ids = list(version.tokenizer(text, add_special_tokens=False)["input_ids"])
        if len(prompt_ids) + asked.max_tokens > version.context_tokens:
            wanted = f"{len(prompt_ids)} prompt tokens and {asked.max_tokens} to write"
            message = f"{wanted} exceed the {version.context_tokens} that this model can hold."
            return _error(400, "context_length_exceeded", message)
        completion = Completion(scheduler, directory, asked, prompt_ids)
        if asked.stream:
            return StreamingResponse(_stream(completion), media_type="text/event-stream")
        return await _whole_answer(request, completion)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/models", models),
            Route("/load_model", load, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
        ]
    )


async def _whole_answer(request: Request, completion: Completion) -> Response:
    texts: dict[int, tuple[str, str]] = {}

    async def collect() -> None:
        async for number, text, reason in completion:
            if reason is not None:
                texts[number] = (text, reason)

    collecting = asyncio.ensure_future(collect())
    while not collecting.done():
        await asyncio.wait({collecting}, timeout=1)
        if not collecting.done() and await request.is_disconnected():
            collecting.cancel()
            with suppress(asyncio.CancelledError):
                await collecting
            return Response(status_code=499)
    problem = collecting.exception()
    if problem is not None:
        return JSONResponse(
            {"error": {"message": str(problem), "type": "server_error", "code": "failed"}}, status_code=500
        )
    choices = [
        {
            "index": number,
            "message": {"role": "assistant", "content": texts[number][0]},
            "finish_reason": texts[number][1],
        }
        for number in range(completion.request.n)
    ]
    return JSONResponse(_envelope(completion, "chat.completion", choices) | {"usage": completion.usage})


async def _stream(completion: Completion) -> AsyncIterator[str]:
    sent = dict.fromkeys(range(completion.request.n), 0)
    for number in sent:
        yield _chunk(completion, number, {"role": "assistant", "content": ""}, None)
    try:
        async for number, text, reason in completion:
            # A character whose bytes are still coming shows as U+FFFD: wait for the rest.
            ready = text if reason is not None else text.rstrip("\ufffd")
            if len(ready) > sent[number]:
                yield _chunk(completion, number, {"content": ready[sent[number] :]}, None)
                sent[number] = len(ready)
            if reason is not None:
                yield _chunk(completion, number, {}, reason)
    except Exception as problem:  # noqa: BLE001 - the headers are sent: the stream itself must say what happened
        yield f"data: {json.dumps({'error': {'message': str(problem), 'type': 'server_error', 'code': 'failed'}})}\n\n"
        return
    yield f"data: {json.dumps(_envelope(completion, 'chat.completion.chunk', []) | {'usage': completion.usage})}\n\n"
    yield "data: [DONE]\n\n"


def _envelope(completion: Completion, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": completion.created,
        "model": completion.request.model,
        "choices": choices,
    }


def _chunk(completion: Completion, number: int, delta: dict[str, str], reason: str | None) -> str:
    choices = [{"index": number, "delta": delta, "finish_reason": reason}]
    return f"data: {json.dumps(_envelope(completion, 'chat.completion.chunk', choices))}\n\n"
