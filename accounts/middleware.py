"""Puts the acting member on each request of a signed-in person."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.models import Membership

SESSION_KEY = "organisation"


def current_member(request: HttpRequest) -> Membership | None:
    """The membership chosen in the session, else the person's first; None when signed out or a member of nothing."""
    if not request.user.is_authenticated:
        return None
    chosen = request.session.get(SESSION_KEY)
    mine = request.user.active_memberships
    return min(mine, key=lambda member: (member.organisation_id != chosen, member.pk), default=None)


class MemberMiddleware:
    """`request.member`: a Membership, falsy when there is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.member = SimpleLazyObject(lambda: current_member(request))  # type: ignore[attr-defined]
        return self.get_response(request)
