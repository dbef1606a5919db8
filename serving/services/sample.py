"""Whole answers out of what was served of late: what the project's users ask for, as it is."""

from typing import Any

from serving.models import ServedResponse

# What users ask changes: of a project's newest answers, so many.
NEWEST = 5000


def sample_answers(project_id: int, most: int) -> list[tuple[list[dict[str, Any]], str]]:
    """A random sample of the project's newest whole answers, as (conversation, answer).

    By the lowest of their random ids: asked again it is the same sample, with what has come in place of what has gone.
    """
    whole = ServedResponse.objects.filter(project_id=project_id, status=ServedResponse.Status.COMPLETE).exclude(text="")
    # Put in order here: PostgreSQL would rather walk through the primary key of all that was ever served.
    newest = sorted(whole.order_by("-created_at", "-id").values_list("pk", flat=True)[:NEWEST])
    drawn = ServedResponse.objects.filter(pk__in=newest[:most]).order_by("pk")
    return list(drawn.values_list("messages", "text"))
