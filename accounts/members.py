"""Who belongs to an organisation, in which role. An organisation always keeps an administrator who can sign in."""

import secrets

from django.db import transaction

from accounts.audit import record_event
from accounts.errors import Conflict, Invalid
from accounts.models import Membership, User
from accounts.permissions import Permission, Role, check_can

# No letters that are mistaken for one another when read out: 32 ** 16 is 80 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def one_time_password() -> str:
    """A password that can be read out over the telephone: four groups of four."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


@transaction.atomic
def add_member(*, by: Membership, email: str, role: str, name: str = "") -> tuple[Membership, str]:
    """Let a person in; the second value is their one-time password, "" when they already sign in to Accord.

    A member who was deactivated comes back, in the new role.

    Raises:
        Conflict: they are a member already.
    """
    check_can(by, Permission.MANAGE_MEMBERS)
    _check_role(role)
    user = User.objects.filter(email__iexact=email.strip()).first()
    password = ""
    if user is None:
        password = one_time_password()
        user = User.objects.create_user(email, password, name=name.strip(), password_is_temporary=True)
    member, is_new = Membership.objects.get_or_create(organisation=by.organisation, user=user, defaults={"role": role})
    if not is_new:
        if not Membership.objects.filter(pk=member.pk, is_active=False).update(is_active=True, role=role):
            raise Conflict(f"{user} is a member already. Change the role in the list.")
        member.refresh_from_db()
    record_event("member added", by=by, subject=member, email=user.email, role=role)
    return member, password


@transaction.atomic
def change_role(*, member: Membership, by: Membership, role: str) -> None:
    """Give the member another role.

    Raises:
        Conflict: they are the last administrator.
    """
    check_can(by, Permission.MANAGE_MEMBERS)
    _check_role(role)
    if role != Role.ADMINISTRATOR:
        _check_another_administrator(member)
    before = member.role
    Membership.objects.filter(pk=member.pk).update(role=role)
    member.role = role
    record_event("role changed", by=by, subject=member, email=member.user.email, before=before, after=role)


@transaction.atomic
def deactivate_member(*, member: Membership, by: Membership) -> None:
    """End the membership: pages and tokens stop at once, what the person judged stays.

    Raises:
        Conflict: they are the last administrator, or have left already.
    """
    check_can(by, Permission.MANAGE_MEMBERS)
    _check_another_administrator(member)
    if not Membership.objects.filter(pk=member.pk, is_active=True).update(is_active=False):
        raise Conflict(f"{member.user} is not a member any more.")
    record_event("member deactivated", by=by, subject=member, email=member.user.email)


@transaction.atomic
def reset_password(*, member: Membership, by: Membership) -> str:
    """A new one-time password for somebody who lost theirs.

    Raises:
        Conflict: the person also belongs to another organisation, whose data this would open.
    """
    check_can(by, Permission.MANAGE_MEMBERS)
    if Membership.objects.filter(user_id=member.user_id).exclude(organisation_id=by.organisation_id).exists():
        raise Conflict(f"{member.user} also belongs to another organisation and changes the password there alone.")
    password = one_time_password()
    member.user.set_password(password)
    member.user.password_is_temporary = True
    member.user.save(update_fields=["password", "password_is_temporary"])
    record_event("password reset", by=by, subject=member, email=member.user.email)
    return password


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise Invalid(f"There is no role {role!r}.", fields={"role": f"Choose among {', '.join(Role.values)}."})


def _check_another_administrator(member: Membership) -> None:
    # Locking every administrator's row makes two administrators who remove each other at once take turns.
    administrators = Membership.objects.select_for_update().filter(
        organisation_id=member.organisation_id, role=Role.ADMINISTRATOR, is_active=True
    )
    if {row.pk for row in administrators.order_by("pk")} == {member.pk}:
        raise Conflict("This is the last administrator. Make somebody else administrator first.")
