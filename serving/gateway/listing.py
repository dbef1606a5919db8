from typing import Any

from django.http import HttpRequest

from serving.gateway.requests import member_of
from serving.services import served_projects


def list_models(request: HttpRequest) -> list[dict[str, Any]]:
    """The caller's served projects as OpenAI lists models."""
    member = member_of(request)
    return [
        {
            "id": project.slug,
            "object": "model",
            "created": int(project.created_at.timestamp()),
            "owned_by": member.organisation.slug,
        }
        for project in served_projects(by=member)
    ]
