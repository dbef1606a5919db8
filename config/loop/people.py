"""The simulated people of the loop: members and tokens made in the database, everything else over HTTP."""

from dataclasses import dataclass

from accounts.models import Membership, Organisation, User
from accounts.permissions import Role
from accounts.tokens import create_token


@dataclass(frozen=True)
class Simulated:
    """A simulated person's name and the token that acts for it."""

    name: str
    token: str


def make_simulated(organisation: Organisation, name: str, role: Role) -> Simulated:
    """A simulated member (made once) with a fresh token. It has no password: nobody signs in as it."""
    user = User.objects.filter(email=f"{name}@simulated.accord").first()
    if user is None:
        user = User.objects.create_user(f"{name}@simulated.accord", None, name=f"{name} (simulated)", is_simulated=True)
    member, _ = Membership.objects.get_or_create(organisation=organisation, user=user, defaults={"role": role})
    _, text = create_token(by=member, name="loop")
    return Simulated(user.display_name, text)
