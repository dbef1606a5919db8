"""What serving's pages share."""

from django.shortcuts import get_object_or_404

from accounts.models import Membership
from labeling.models import Project


def project_of(member: Membership, project_id: int) -> Project:
    """The member's own project; another organisation's is a 404."""
    found: Project = get_object_or_404(Project.objects.for_member(member).filter(archived_at=None), pk=project_id)
    return found
