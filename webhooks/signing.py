"""The signature: HMAC-SHA256 over the time, a full stop and the body: neither can be changed, nor sent again later."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin


def make_secret() -> str:
    """256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def signature_header(body: bytes, keys: Iterable[str], *, at: int) -> str:
    """`t=<seconds>,v1=<hex>`, with one v1 for each key while a secret is being rotated."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])
