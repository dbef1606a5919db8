"""One rule for tenants: every queryset of the product narrows to the member's organisation."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from accounts.models import Membership

M = TypeVar("M", bound=models.Model)


class OrganisationQuerySet(models.QuerySet[M]):
    """A queryset whose rows belong to an organisation, reached by `organisation_path`."""

    organisation_path = "organisation"

    def for_member(self, member: "Membership") -> Self:
        """The rows of the member's organisation and of no other."""
        return self.filter(**{self.organisation_path: member.organisation_id})
