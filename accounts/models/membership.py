from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models.organisation import Organisation
from accounts.permissions import Permission, Role, can
from accounts.scoping import OrganisationQuerySet


class Membership(models.Model):
    """A user in an organisation, in one role. It is the actor (`by=`) of every service."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # Set when the member came by a token: the permissions that the token is narrowed to.
    token_scopes: frozenset[str] | None = None

    objects: ClassVar = OrganisationQuerySet["Membership"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="one_membership_a_user_and_organisation"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.organisation}"

    def may(self, permission: str) -> bool:
        """`can`, for templates: `{% if member|may:"export" %}`."""
        return can(self, Permission(permission))
