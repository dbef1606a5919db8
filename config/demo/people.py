"""The demo's people and their passwords, which are made once and kept in DATA_DIR/demo.json."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.members import one_time_password
from accounts.models import Membership, Organisation, User
from accounts.permissions import Permission, Role
from accounts.tokens import create_token, find_member

SLUG = "demo"
PEOPLE = {
    Role.ADMINISTRATOR: ("admin@demo.accord", "Ada (administrator)"),
    Role.MANAGER: ("manager@demo.accord", "Maria (manager)"),
    Role.ENGINEER: ("engineer@demo.accord", "Emil (engineer)"),
    Role.ANNOTATOR: ("annotator@demo.accord", "Anna (annotator)"),
    Role.REVIEWER: ("reviewer@demo.accord", "Rui (reviewer)"),
}


def demo_file() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def read_demo_file() -> dict[str, Any]:
    """What was written last, or nothing."""
    try:
        found = json.loads(demo_file().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_demo_file(content: dict[str, Any]) -> None:
    """Replace the file in one rename; nobody but its owner may read it."""
    partial = demo_file().with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    os.replace(partial, demo_file())


def seed_people(known: dict[str, Any]) -> tuple[dict[Role, Membership], str]:
    """The members by role, and their password. When the file that held it is gone, they all get a new one."""
    organisation, _ = Organisation.objects.get_or_create(slug=SLUG, defaults={"name": "Kitchen helper demo"})
    password = str(known.get("password") or one_time_password())
    members: dict[Role, Membership] = {}
    for role, (email, name) in PEOPLE.items():
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, password, name=name)
        elif not known.get("password"):
            user.set_password(password)
            user.save(update_fields=["password"])
        members[role], _ = Membership.objects.get_or_create(
            organisation=organisation, user=user, defaults={"role": role}
        )
    return members, password


def seed_gateway_token(known: dict[str, Any], engineer: Membership) -> str:
    """The token in the file if it still works, else a new one."""
    text = str(known.get("gateway_token") or "")
    if text and find_member(text) == engineer:
        return text
    _, text = create_token(by=engineer, name="demo application", scopes=[Permission.USE_ENDPOINT])
    return text
