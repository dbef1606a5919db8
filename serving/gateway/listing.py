"""Served projects as OpenAI lists models."""

from typing import Any

from django.http import HttpRequest

from labeling.models import Project
from serving.errors import NotServed
from serving.gateway.requests import member_of
from serving.services import served_projects


def list_models(request: HttpRequest) -> list[dict[str, Any]]:
    """Those of the caller's organisation."""
    return [_shape(project) for project in served_projects(by=member_of(request)).select_related("organisation")]


def show_model(request: HttpRequest, slug: str) -> dict[str, Any]:
    """One of them.

    Raises:
        NotServed: there is none of that name.
    """
    found = served_projects(by=member_of(request)).select_related("organisation").filter(slug=slug).first()
    if found is None:
        raise NotServed(f"There is no served project {slug!r} here. GET /v1/models lists those that are served.")
    return _shape(found)


def _shape(project: Project) -> dict[str, Any]:
    created = int(project.created_at.timestamp())
    return {"id": project.slug, "object": "model", "created": created, "owned_by": project.organisation.slug}
