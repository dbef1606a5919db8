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
