from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models.membership import Membership
from accounts.scoping import OrganisationQuerySet


class ApiTokenQuerySet(OrganisationQuerySet["ApiToken"]):
    organisation_path = "membership__organisation"

    def usable(self) -> "ApiTokenQuerySet":
        """Neither revoked nor of a member who has left."""
        return self.filter(revoked_at=None, membership__is_active=True, membership__user__is_active=True)


class ApiToken(models.Model):
    """A secret that acts for a member, narrowed to scopes. Only its SHA-256 is stored; the text is shown once."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
