"""What serving refuses, each with its status and its sentence."""

from accounts.errors import AccordError


class BadRequest(AccordError):
    """A request to the endpoint that cannot be answered as it is."""

    http_status = 400
    code = "invalid_request"


class UnknownToken(AccordError):
    http_status = 401
    code = "invalid_api_key"


class NotServed(AccordError):
    """No such project, or none of its versions is in production."""

    http_status = 404
    code = "model_not_found"


class TooLarge(AccordError):
    http_status = 413
    code = "request_too_large"
