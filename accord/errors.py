"""One exception for everything that does not go as asked."""

from typing import Any

import httpx


class AccordError(Exception):
    """The server refused, or could not be reached.

    Attributes:
        code: for programs, such as "not_permitted", "lease_lost", "invalid"; "unreachable" when there was no answer.
        message: for people; it says what to do.
        fields: what is wrong with which field of what was sent.
        status: of the HTTP answer, None when there was none.
    """

    def __init__(
        self, message: str, *, code: str = "error", fields: dict[str, str] | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields = fields or {}
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def error_of(answer: httpx.Response) -> AccordError:
    """What a refusing answer says; its body has been read."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        # Not Accord: a proxy in between, or another address.
        said = answer.text.strip().splitlines()[0][:200] if answer.text.strip() else answer.reason_phrase
        return AccordError(f"The server answered {answer.status_code}: {said}", status=answer.status_code)
    fields = error.get("fields")
    return AccordError(
        str(error.get("message", "")),
        code=str(error.get("code") or error.get("type") or "error"),
        fields={str(name): str(why) for name, why in fields.items()} if isinstance(fields, dict) else None,
        status=answer.status_code,
    )
