from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from labeling.models import Project


def project(request: HttpRequest) -> dict[str, Any]:
    """`project` on every page under /projects/<id>/, or whose view has set `request.project_id`.

    So the pages of apps that know nothing of projects still stand under the project's tabs.
    """

    def find() -> Project | None:
        matched = request.resolver_match.kwargs.get("project_id") if request.resolver_match else None
        project_id = getattr(request, "project_id", matched)
        member = getattr(request, "member", None)
        return Project.objects.for_member(member).filter(pk=project_id).first() if member and project_id else None

    return {"project": SimpleLazyObject(find)}


def projects(request: HttpRequest) -> dict[str, Any]:
    """`project_names`, id to name of the organisation's, for the pages of apps that know a project's id alone."""

    def find() -> dict[int, str]:
        member = getattr(request, "member", None)
        return dict(Project.objects.for_member(member).values_list("pk", "name")) if member else {}

    return {"project_names": SimpleLazyObject(find)}
