"""The gateway's refusals in OpenAI's shape, which its client libraries understand."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import AccordError

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "invalid_request_error"}
_SENTENCES = {
    404: "There is nothing at this address. Use /v1/chat/completions, /v1/models or /v1/feedback.",
    405: "This address does not take that method.",
    500: "Something went wrong here. It was logged; try again, and tell whoever runs Accord if it stays.",
}


def error_body(status: int, message: str, code: str) -> dict[str, Any]:
    """`{"error": {"message", "type", "code", "param"}}`."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "code": code, "param": None}}


def error_response(error: AccordError) -> JsonResponse:
    """The refusal as an answer, with Retry-After where trying again may help."""
    # OpenAI's libraries call a body that cannot be used a 400.
    status = 400 if error.http_status == 422 else error.http_status
    response = JsonResponse(error_body(status, error.message, error.code), status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if seconds := getattr(error, "retry_after_seconds", None):
        response.headers["Retry-After"] = str(seconds)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400."""
    return _plain(400)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404."""
    return _plain(404)


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's handler500; Django has logged the traceback."""
    return _plain(500)


def _plain(status: int) -> JsonResponse:
    message = _SENTENCES.get(status, "The request cannot be answered.")
    return JsonResponse(error_body(status, message, f"http_{status}"), status=status)


class OpenAIErrorsMiddleware:
    """Translates what services refuse, and the empty refusals of Django's decorators."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)
        is_plain = response.status_code >= 400 and response.headers.get("Content-Type") != "application/json"
        return _plain(response.status_code) if is_plain else response

    async def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        return error_response(exception) if isinstance(exception, AccordError) else None
