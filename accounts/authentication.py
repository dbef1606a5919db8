"""REST framework's side of it: tokens, sessions, and the member as `request.auth`."""

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.middleware import current_member
from accounts.models import Membership, User
from accounts.permissions import Permission, check_can
from accounts.tokens import find_member

if TYPE_CHECKING:  # REST framework's views import this module while they are being imported
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer acc_…`."""

    def authenticate(self, request: Request) -> tuple[User, Membership] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        member = find_member(text.strip())
        if member is None:
            raise AuthenticationFailed("This token is unknown or was revoked. Make a new one on your account page.")
        return member.user, member

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MemberSessionAuthentication(SessionAuthentication):
    """A signed-in browser, with its CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        return found[0], current_member(request._request)


class IsMember(BasePermission):
    """A member of some organisation; with `required_permission` (or one a method) on the view, one who may do that."""

    message = "Sign in, or send a token in the Authorization header."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, Membership):
            return False
        needed = getattr(view, "required_permission", None)
        if isinstance(needed, dict):
            needed = needed.get(request.method)
        if isinstance(needed, Permission):
            check_can(request.auth, needed)
        return True


def member_of(request: Request) -> Membership:
    """The acting member of an API request, for `by=`."""
    assert isinstance(request.auth, Membership)
    return request.auth
