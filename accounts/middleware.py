"""Puts the acting member on each request of a signed-in person."""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.joined_rows import JoinedRows
from accounts.models import Membership, Organisation

SESSION_KEY = "organisation"


def current_member(request: HttpRequest) -> Membership | None:
    """The membership chosen in the session, else the person's first; None when signed out or a member of nothing."""
    if not request.user.is_authenticated:
        return None
    found = _rows().first({"user": request.user.pk, "chosen": request.session.get(SESSION_KEY) or 0})
    if found is None:
        return None
    member: Membership = found[0]
    member.organisation, member.user = found[1], request.user
    return member


@cache
def _rows() -> JoinedRows:
    return JoinedRows(
        {"m": Membership, "o": Organisation},
        """FROM accounts_membership m JOIN accounts_organisation o ON o.id = m.organisation_id
           WHERE m.user_id = %(user)s AND m.is_active
           ORDER BY m.organisation_id <> %(chosen)s::bigint, m.id LIMIT 1""",
    )


class MemberMiddleware:
    """`request.member`: a Membership, falsy when there is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.member = SimpleLazyObject(lambda: current_member(request))  # type: ignore[attr-defined]
        return self.get_response(request)
