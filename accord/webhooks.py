"""For receivers: whether a call comes from Accord."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accord.errors import AccordError


@dataclass(frozen=True)
class WebhookEvent:
    """`id` is the same whenever the event is sent again."""

    id: str
    kind: str
    created_at: str
    project: int | None
    data: Mapping[str, Any]


def verify_webhook(body: bytes, signature: str, secret: str, *, tolerance_seconds: float = 300) -> WebhookEvent:
    """The event of a call, once its signature has been checked.

    Args:
        body: as it arrived, byte for byte.
        signature: the header `Accord-Signature`.

    Raises:
        AccordError: code "bad_signature": another secret, another body, or too old.
    """
    parts = [part.strip().partition("=") for part in signature.split(",")]
    moment = next((value for name, _, value in parts if name == "t" and value.isdecimal()), "")
    good = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    marks = [value for name, _, value in parts if name == "v1"]
    # In constant time, and of several: during a rotation there are two.
    if not moment or not any(hmac.compare_digest(mark.encode(), good.encode()) for mark in marks):
        raise AccordError("The signature is not of this secret and this body.", code="bad_signature")
    if abs(time.time() - int(moment)) > tolerance_seconds:
        raise AccordError("The signature is too old: somebody may have recorded the call.", code="bad_signature")
    given = json.loads(body)
    return WebhookEvent(given["id"], given["kind"], given["created_at"], given["project"], given["data"])
