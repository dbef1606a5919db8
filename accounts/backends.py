"""Django's sign-in by password; whoever is signed in is read by a prepared statement, with every request of a page."""

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.joined_rows import JoinedRows
from accounts.models import User


@cache
def _rows() -> JoinedRows:
    return JoinedRows({"u": User}, "FROM accounts_user u WHERE u.id = %(user)s")


class PasswordBackend(ModelBackend):
    """Named by AUTHENTICATION_BACKENDS."""

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, unless they may not sign in any more."""
        found = _rows().first({"user": user_id})
        return found[0] if found and self.user_can_authenticate(found[0]) else None
