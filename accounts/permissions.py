"""What a member may do, and which role may do it. Roles are told to people by their descriptions."""

from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import models

from accounts.errors import NotPermitted

if TYPE_CHECKING:
    from accounts.models import Membership


class Permission(StrEnum):
    VIEW_PROJECTS = "view_projects"
    JUDGE = "judge"
    REVIEW = "review"
    MANAGE_PROJECTS = "manage_projects"
    EXPORT = "export"
    VIEW_RUNS = "view_runs"
    START_RUNS = "start_runs"
    PROMOTE = "promote"
    USE_ENDPOINT = "use_endpoint"
    MANAGE_MEMBERS = "manage_members"
    VIEW_AUDIT = "view_audit"
    MANAGE_WEBHOOKS = "manage_webhooks"

    @property
    def sentence(self) -> str:
        """What it allows: `see projects and their figures`."""
        return _SENTENCES[self]


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", "Administrator"
    MANAGER = "manager", "Project manager"
    ENGINEER = "engineer", "ML engineer"
    ANNOTATOR = "annotator", "Annotator"
    REVIEWER = "reviewer", "Reviewer"
    VIEWER = "viewer", "Viewer"

    @property
    def description(self) -> str:
        """One line for the members page."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Role.ADMINISTRATOR: "Everything, and who else may do what",
    Role.MANAGER: "Sets up projects, imports, watches agreement and progress",
    Role.ENGINEER: "Exports, starts training, promotes versions, uses the endpoint",
    Role.ANNOTATOR: "Judges answers",
    Role.REVIEWER: "Judges answers and looks at the judgements of others",
    Role.VIEWER: "Looks, and changes nothing",
}

P = Permission
_LOOK = {P.VIEW_PROJECTS, P.VIEW_RUNS}
GRANTS: dict[str, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.MANAGER: frozenset(_LOOK | {P.JUDGE, P.REVIEW, P.MANAGE_PROJECTS, P.EXPORT, P.START_RUNS, P.USE_ENDPOINT}),
    Role.ENGINEER: frozenset(_LOOK | {P.JUDGE, P.MANAGE_PROJECTS, P.EXPORT, P.START_RUNS, P.PROMOTE, P.USE_ENDPOINT}),
    Role.ANNOTATOR: frozenset({P.JUDGE}),
    Role.REVIEWER: frozenset(_LOOK | {P.JUDGE, P.REVIEW}),
    Role.VIEWER: frozenset(_LOOK),
}

_SENTENCES = {
    P.VIEW_PROJECTS: "see projects and their figures",
    P.JUDGE: "judge answers",
    P.REVIEW: "review the judgements of others",
    P.MANAGE_PROJECTS: "set up or change projects",
    P.EXPORT: "export judgements",
    P.VIEW_RUNS: "see training runs and model versions",
    P.START_RUNS: "start or cancel training",
    P.PROMOTE: "promote or roll back a model version",
    P.USE_ENDPOINT: "call the endpoint",
    P.MANAGE_MEMBERS: "change members and tokens of others",
    P.VIEW_AUDIT: "read the audit trail",
    P.MANAGE_WEBHOOKS: "set up or change webhooks",
}


def can(member: "Membership", permission: Permission) -> bool:
    """Whether the member's role, and the scopes of the token it came with, allow it."""
    if permission not in GRANTS[member.role]:
        return False
    scopes = member.token_scopes
    return scopes is None or permission.value in scopes


def check_can(member: "Membership", permission: Permission) -> None:
    """Refuse what the member may not do.

    Raises:
        NotPermitted: with a sentence that names what was refused.
    """
    if not can(member, permission):
        raise NotPermitted(
            f"Your role does not allow you to {_SENTENCES[permission]}. Ask an administrator of {member.organisation}."
        )
