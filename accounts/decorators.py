"""Who may see a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase

from accounts.errors import NotPermitted
from accounts.models import Membership
from accounts.permissions import Permission, check_can

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request of a signed-in member."""

    member: Membership


View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def signed_in(view: View[P]) -> Callable[..., HttpResponseBase]:
    """Sign-in and a membership, whatever the role; otherwise the sign-in page or a refusal with its reason."""

    @login_required
    @wraps(view)
    def checked(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.member:
            raise NotPermitted("You are not a member of any organisation. Ask an administrator to add you.")
        return view(request, *args, **kwargs)

    return checked


def requires(permission: Permission) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """A signed-in member with the permission."""

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @signed_in
        @wraps(view)
        def checked(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            check_can(request.member, permission)
            return view(request, *args, **kwargs)

        return checked

    return decorate
