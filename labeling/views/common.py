"""What the pages of a project share."""

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.models import Membership
from labeling.models import Project
from labeling.services.warnings import project_warnings


def project_of(member: Membership, project_id: int) -> Project:
    """The member's own project; another organisation's is a 404."""
    found: Project = get_object_or_404(Project.objects.for_member(member).filter(archived_at=None), pk=project_id)
    return found


def warn_of(request: HttpRequest, project: Project) -> None:
    """Say what stands in the project's way, at the top of the next page."""
    for warning in project_warnings(project):
        messages.warning(request, warning.message)
