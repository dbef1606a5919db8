"""Responses, one at a time."""

from typing import Any

from django.db import transaction

from accounts.models import User
from labeling.content import check_text
from labeling.hashing import hash_text
from labeling.models import Prompt, Response
from labeling.services.content_lock import lock_content


@transaction.atomic
def store_response(
    *,
    prompt: Prompt,
    text: str,
    origin: str,
    version_id: int | None = None,
    model_name: str = "",
    sampling: dict[str, Any] | None = None,
    author: User | None = None,
) -> tuple[Response, bool]:
    """Get the prompt's response with this text, or make it; the second value says which.

    The first origin stays: a text that a second model gives again is the same response.

    Raises:
        BadContent: the text cannot be stored.
    """
    content_hash = hash_text(check_text(text, "The response"))
    lock_content(prompt.project_id)
    response, made = Response.objects.get_or_create(
        prompt=prompt,
        content_hash=content_hash,
        defaults={
            "text": text,
            "origin": origin,
            "version_id": version_id,
            "model_name": model_name[:200],
            "sampling": sampling or {},
            "author": author,
        },
    )
    if response.withdrawn_at is not None:  # somebody says it again
        Response.objects.filter(pk=response.pk).update(withdrawn_at=None)
        response.withdrawn_at = None
    return response, made
