"""The fixed cast, as fixtures: members (with `.user` and `.organisation`) and a project of Alice's."""

import pytest

from accounts.models import Membership, Organisation, User
from accounts.permissions import Role
from labeling.models import Project

PASSWORD = "correct horse battery"


def make_member(organisation: Organisation, email: str, role: str, *, simulated: bool = False) -> Membership:
    """A user with a password that is quick to check, and the membership."""
    user = User.objects.create_user(email, PASSWORD, name=email.split("@")[0].title(), is_simulated=simulated)
    return Membership.objects.create(organisation=organisation, user=user, role=role)


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organisation(db) -> Organisation:
    return Organisation.objects.create(name="Acme", slug="acme")


@pytest.fixture
def alice(organisation) -> Membership:
    """Owns the organisation."""
    return make_member(organisation, "alice@example.org", Role.ADMINISTRATOR)


@pytest.fixture
def bob(organisation) -> Membership:
    """A team-mate who annotates."""
    return make_member(organisation, "bob@example.org", Role.ANNOTATOR)


@pytest.fixture
def charlie(db) -> Membership:
    """An outsider: administrator of another organisation."""
    return make_member(
        Organisation.objects.create(name="Other", slug="other"), "charlie@example.org", Role.ADMINISTRATOR
    )


@pytest.fixture
def project(alice) -> Project:
    return Project.objects.create(
        organisation=alice.organisation, name="Answers", slug="answers", created_by=alice.user
    )
