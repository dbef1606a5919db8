"""API tokens: made, shown once, looked up by hash, revoked."""

import hashlib
import secrets
from datetime import timedelta
from functools import cache

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Conflict, Invalid
from accounts.joined_rows import JoinedRows
from accounts.models import ApiToken, Membership, Organisation, User
from accounts.permissions import GRANTS, Permission, check_can

PREFIX = "acc_"


def _digest(text: str) -> str:
    # A token holds 256 random bits, so that one round of SHA-256 is enough: there is nothing to guess.
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def create_token(*, by: Membership, name: str, scopes: list[str] | None = None) -> tuple[ApiToken, str]:
    """Make a token for the member; the second value is its text, which is stored nowhere.

    Raises:
        Invalid: an empty name, an unknown scope, or one that the role does not hold.
    """
    held = {permission.value for permission in GRANTS[by.role]}
    if by.token_scopes is not None:
        held &= by.token_scopes
    wanted = sorted(set(scopes)) if scopes is not None else sorted(held)
    if not name.strip():
        raise Invalid("Give the token a name, so that you know later what uses it.", fields={"name": "This is needed."})
    if not wanted or not set(wanted) <= held:
        strange = ", ".join(sorted(set(wanted) - held)) or "none"
        raise Invalid(
            f"These scopes are not yours to give: {strange}.",
            fields={"scopes": f"Choose among {', '.join(sorted(held))}."},
        )
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        membership=by, name=name.strip(), prefix=text[:10], digest=_digest(text), scopes=wanted
    )
    record_event("token created", by=by, subject=token, name=token.name, scopes=wanted)
    return token, text


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Membership) -> None:
    """End a token at once; one's own, or anybody's with the permission for it.

    Raises:
        NotPermitted: somebody else's token, without the permission.
        Conflict: it was revoked before.
    """
    if token.membership_id != by.pk:
        check_can(by, Permission.MANAGE_MEMBERS)
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now()):
        raise Conflict("This token has been revoked already.")
    record_event("token revoked", by=by, subject=token, name=token.name)


def find_member(text: str) -> Membership | None:
    """The member a token acts for, narrowed to its scopes, or None."""
    found = _rows().first({"digest": _digest(text)})
    if found is None:
        return None
    token, member, user, organisation = found
    member.user, member.organisation = user, organisation
    moment = now()
    # At most one write a minute and token: a busy client would otherwise update one row on every request.
    if token.last_used_at is None or moment - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=moment)
    member.token_scopes = frozenset(token.scopes)
    acting: Membership = member
    return acting


@cache
def _rows() -> JoinedRows:
    """A usable token (neither revoked nor of somebody who has left) with whom it acts for: asked with every request."""
    return JoinedRows(
        {"t": ApiToken, "m": Membership, "u": User, "o": Organisation},
        """FROM accounts_apitoken t JOIN accounts_membership m ON m.id = t.membership_id
           JOIN accounts_user u ON u.id = m.user_id JOIN accounts_organisation o ON o.id = m.organisation_id
           WHERE t.digest = %(digest)s AND t.revoked_at IS NULL AND m.is_active AND u.is_active""",
    )
