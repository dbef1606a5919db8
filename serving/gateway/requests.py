"""Who asks and what: the token and the JSON body of a request."""

import json
from typing import Any

from django.http import HttpRequest

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from accounts.tokens import find_member
from serving.errors import BadRequest, TooLarge, UnknownToken

MAX_BODY_BYTES = 1024 * 1024


def member_of(request: HttpRequest) -> Membership:
    """The member that the request's token acts for. Asks the database.

    Raises:
        UnknownToken: no token, or one that is unknown or revoked.
        NotPermitted: the token, or its owner, may not use the endpoint.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    member = find_member(text.strip()) if scheme.lower() == "bearer" and text.strip() else None
    if member is None:
        raise UnknownToken(
            "Send an API token of Accord as `Authorization: Bearer acc_…`; make one on your account page."
        )
    check_can(member, Permission.USE_ENDPOINT)
    return member


def json_body(request: HttpRequest) -> Any:
    """The parsed body.

    Raises:
        TooLarge: more than a megabyte.
        BadRequest: not JSON.
    """
    declared = request.META.get("CONTENT_LENGTH") or "0"
    # Looked at before reading: Django would refuse a very long one with a page of its own.
    if int(declared if declared.isdecimal() else 0) > MAX_BODY_BYTES or len(request.body) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES // 1024} KB. Shorten the conversation.")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON in UTF-8.") from error
