"""A person's own password."""

from django.db import transaction

from accounts.audit import record_event
from accounts.models import Membership, User


@transaction.atomic
def change_password(*, user: User, new: str) -> None:
    """Set the password; each organisation the person belongs to has it in its audit trail."""
    user.set_password(new)
    user.password_is_temporary = False
    user.save(update_fields=["password", "password_is_temporary"])
    for member in Membership.objects.filter(user=user, is_active=True).select_related("organisation", "user"):
        record_event("password changed", by=member, subject=user)
