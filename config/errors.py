"""The one place where a refusal becomes a page, a fragment or an API answer."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.errors import AccordError

logger = logging.getLogger(__name__)

_CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_permitted",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
}


def error_body(code: str, message: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """`{"error": {"code", "message", "fields"?}}`."""
    body: dict[str, Any] = {"code": code, "message": message}
    if fields:
        body["fields"] = fields
    return {"error": body}


def _first_sentence(detail: Any) -> str:
    """With where it is said of: `2, response_b: This field is required.`"""
    where = []
    while isinstance(detail, list | dict) and detail:
        if isinstance(detail, list):
            # Of many rows those that are right have an empty place.
            number, detail = next(((number, each) for number, each in enumerate(detail, 1) if each), (1, detail[0]))
            where += [str(number)] if isinstance(detail, dict) else []
        else:
            key, detail = next(iter(detail.items()))
            where.append(str(key + 1) if isinstance(key, int) else str(key))
    return ", ".join(where) + ": " + str(detail) if where else str(detail)


def api_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's hook: refusals, its own exceptions and 404s in one shape; anything else stays a 500."""
    if isinstance(exc, AccordError):
        set_rollback()
        return Response(error_body(exc.code, exc.message, exc.fields), status=exc.http_status)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("There is nothing at this address, or it is not yours to see.")
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    status = 422 if isinstance(exc, exceptions.ValidationError) else exc.status_code
    fields = {name: _first_sentence(why) for name, why in exc.detail.items()} if isinstance(exc.detail, dict) else None
    message = (
        "Some fields are not right: " + "; ".join(f"{k}: {v}" for k, v in fields.items())
        if fields
        else _first_sentence(exc.detail)
    )
    challenge = getattr(exc, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return Response(error_body(_CODES.get(status, "error"), message, fields), status=status, headers=headers)


@csrf_exempt
def nothing_at_this_address(request: HttpRequest) -> JsonResponse:
    """The API's 404 for an address that it does not have."""
    message = "The API has nothing at this address. GET /api/schema lists the addresses; none ends in a slash."
    return JsonResponse(error_body("not_found", message), status=404)


class ErrorMiddleware:
    """Pages: a refusal is shown as a page, or as a fragment to htmx, with its status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Translate what services refuse; leave the rest to Django."""
        if not isinstance(exception, AccordError):
            return None
        if request.path.startswith(("/api/", "/v1/")):
            return JsonResponse(
                error_body(exception.code, exception.message, exception.fields), status=exception.http_status
            )
        template = "error.html#message" if getattr(request, "htmx", False) else "error.html"
        context = {"message": exception.message, "fields": exception.fields, "status": exception.http_status}
        return render(request, template, context, status=exception.http_status)
