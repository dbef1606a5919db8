"""Prompts, one at a time."""

from typing import Any

from django.db import transaction

from labeling.content import check_messages, check_metadata, check_text
from labeling.hashing import hash_prompt
from labeling.models import Project, Prompt
from labeling.services.content_lock import lock_content


@transaction.atomic
def create_prompt(
    *,
    project: Project,
    messages: list[dict[str, str]] | str,
    source: str = "",
    external_id: str = "",
    metadata: dict[str, Any] | None = None,
) -> tuple[Prompt, bool]:
    """Get the project's prompt with these messages, or make it; the second value says which.

    Raises:
        BadContent: the conversation cannot be answered or stored.
    """
    turns = check_messages(messages)
    content_hash = hash_prompt(turns)
    lock_content(project.pk)
    return Prompt.objects.get_or_create(
        project=project,
        content_hash=content_hash,
        defaults={
            "messages": turns,
            "source": source[:60],
            "external_id": check_text(external_id, '"external_id"')[:200],
            "metadata": check_metadata(metadata or {}),
            "held_out": project.holds_out(content_hash),
        },
    )
