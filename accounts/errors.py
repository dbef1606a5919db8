"""Refusals: each carries its HTTP status, a code for programs and a sentence for people."""


class AccordError(Exception):
    """Something was refused. `config/errors.py` alone turns it into a page or an API answer."""

    http_status = 400
    code = "refused"

    def __init__(self, message: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}


class NotPermitted(AccordError):
    http_status = 403
    code = "not_permitted"


class NotFound(AccordError):
    http_status = 404
    code = "not_found"


class Conflict(AccordError):
    http_status = 409
    code = "conflict"


class Invalid(AccordError):
    http_status = 422
    code = "invalid"
