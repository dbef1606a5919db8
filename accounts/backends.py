"""Django's sign-in by password; whoever is signed in is read by a prepared statement, with every request of a page."""

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.joined_rows import JoinedRows
from accounts.models import Membership, Organisation, User


@cache
def _rows() -> JoinedRows:
    return JoinedRows(
        {"u": User, "m": Membership, "o": Organisation},
        """FROM accounts_user u LEFT JOIN accounts_membership m ON m.user_id = u.id AND m.is_active
           LEFT JOIN accounts_organisation o ON o.id = m.organisation_id
           WHERE u.id = %(user)s""",
    )


class PasswordBackend(ModelBackend):
    """Named by AUTHENTICATION_BACKENDS."""

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, with the memberships, unless they may not sign in any more."""
        found = _rows().all({"user": user_id})
        if not found or not self.user_can_authenticate(found[0][0]):
            return None
        user: User = found[0][0]
        user.read_memberships = []
        for _, member, organisation in found:
            if member is not None:
                member.user, member.organisation = user, organisation
                user.read_memberships.append(member)
        return user
