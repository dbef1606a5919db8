"""OpenAI's addresses. Refusals are raised; errors.py gives them their shape."""

from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from serving.gateway import shapes
from serving.gateway.answering import Answer, begin_answer
from serving.gateway.database import in_database
from serving.gateway.events import with_error_event
from serving.gateway.feedback import store_feedback
from serving.gateway.listing import list_models, show_model


@csrf_exempt
@require_POST
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/chat/completions, whole or streamed."""
    answer = await begin_answer(request)
    if answer.chat.stream:
        events = with_error_event(_events(answer))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8", headers=headers)
    async for _ in answer.texts():
        pass
    return JsonResponse(shapes.completion(answer.served, answer.chat.model))


async def _events(answer: Answer) -> AsyncIterator[str]:
    served, model = answer.served, answer.chat.model
    yield shapes.chunk(served, model, {"role": "assistant", "content": ""})
    async for text in answer.texts():
        yield shapes.chunk(served, model, {"content": text})
    yield shapes.chunk(served, model, {}, answer.finish_reason or "stop")
    if answer.chat.include_usage:
        yield shapes.usage_chunk(served, model)
    yield "data: [DONE]\n\n"


@csrf_exempt
@require_GET
async def models(request: HttpRequest) -> HttpResponseBase:
    """GET /v1/models: the projects that have a version in production."""
    return JsonResponse({"object": "list", "data": await in_database(list_models, request)})


@csrf_exempt
@require_GET
async def model(request: HttpRequest, slug: str) -> HttpResponseBase:
    """GET /v1/models/<project>."""
    return JsonResponse(await in_database(show_model, request, slug))


@csrf_exempt
@require_POST
async def feedback(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/feedback: a thumb or an edited text on an answer."""
    body, created = await in_database(store_feedback, request)
    return JsonResponse(body, status=201 if created else 200)
