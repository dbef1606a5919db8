"""One answer through the gateway: opened, streamed from the engine, and closed however it ends.

Whole answers are streamed from the engine as well: a client that leaves ends the engine's work, and the path is one.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from django.http import HttpRequest

from accounts.errors import AccordError
from labeling.models import Project
from models_registry.engine import Piece, endpoint_of, stream
from serving.chat_request import ChatRequest, read_chat_request
from serving.errors import BadRequest, NotServed
from serving.gateway.database import in_database, later_in_database
from serving.gateway.requests import json_body, member_of
from serving.models import ServedResponse
from serving.services import close_answer, fail_or_fall_back, interrupt_answer, open_answer


class Answer:
    """An answer on its way. `text` is what the client has been given so far."""

    def __init__(self, served: ServedResponse, chat: ChatRequest) -> None:
        self.served, self.chat = served, chat
        self.text = self.finish_reason = ""
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self._pieces: AsyncGenerator[Piece, None] | None = None
        self._first = Piece()

    async def begin(self) -> None:
        """Wait for the first words; a canary that fails before them is answered for by production.

        Raises:
            EngineUnavailable, EngineTimeout, EngineNonsense, ArtifactDamaged: no answer; the failure is stored.
        """
        while self._pieces is None:
            try:
                await self._ask()
            except AccordError as error:
                instead = await in_database(fail_or_fall_back, self.served, error)
                if instead is None:
                    raise
                self.served = instead
            except asyncio.CancelledError:
                self._interrupt()
                raise

    async def texts(self) -> AsyncIterator[str]:
        """The rest of the answer, part by part; at the end it is stored, also when the client leaves in the middle.

        Raises:
            EngineUnavailable, EngineTimeout, EngineNonsense: the engine broke off; what there is was stored.
        """
        assert self._pieces is not None
        try:
            async with aclosing(self._pieces) as pieces:
                if text := self._take(self._first):
                    yield text
                async for piece in pieces:
                    if text := self._take(piece):
                        yield text
        except AccordError as error:
            await in_database(fail_or_fall_back, self.served, error, text=self.text)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._interrupt()
            raise
        await in_database(
            close_answer, self.served, text=self.text, finish_reason=self.finish_reason,
            prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens,
        )  # fmt: skip

    async def _ask(self) -> None:
        endpoint = await in_database(endpoint_of, self.served.version)
        pieces: Any = stream(endpoint, self.served.messages, **self.chat.sampling)
        async for piece in pieces:
            # An engine says hello before it computes: only words, or an end, show that it can answer.
            if piece.text or piece.finish_reason:
                self._pieces, self._first = pieces, piece
                return
            self._take(piece)
        self._pieces = pieces

    def _take(self, piece: Piece) -> str:
        self.text += piece.text
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.prompt_tokens = piece.prompt_tokens if piece.prompt_tokens is not None else self.prompt_tokens
        if piece.completion_tokens is not None:
            self.completion_tokens = piece.completion_tokens
        return piece.text

    def _interrupt(self) -> None:
        later_in_database(interrupt_answer, self.served, text=self.text)


async def begin_answer(request: HttpRequest) -> Answer:
    """Authenticate, read, choose the version, and wait for its first words.

    Raises:
        AccordError: any of the gateway's refusals.
    """
    served, chat = await in_database(_open, request)
    answer = Answer(served, chat)
    await answer.begin()
    return answer


def _open(request: HttpRequest) -> tuple[ServedResponse, ChatRequest]:
    member = member_of(request)
    chat = read_chat_request(json_body(request))
    if not chat.model:
        raise BadRequest("`model` is missing: it names the project, as GET /v1/models lists them.")
    project = Project.objects.for_member(member).filter(slug=chat.model, archived_at=None).first()
    if project is None:
        raise NotServed(f"There is no project {chat.model!r} here. GET /v1/models lists those that are served.")
    return open_answer(project=project, by=member, chat=chat), chat
