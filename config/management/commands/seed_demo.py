"""`manage.py seed_demo`: the demo, made once; run again it changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.permissions import Role
from config.demo.people import demo_file, read_demo_file, seed_gateway_token, seed_people, write_demo_file
from config.demo.project import seed_models, seed_project


class Command(BaseCommand):
    help = "Make the demo organisation, its people, project and first models. Safe to run at every start."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, and write DATA_DIR/demo.json when something in it is new."""
        known = read_demo_file()
        with transaction.atomic():
            members, password = seed_people(known)
            project = seed_project(known, members[Role.MANAGER])
            token = seed_gateway_token(known, members[Role.ENGINEER])
            done = seed_models(project, members[Role.ENGINEER])
            content = {
                "organisation": project.organisation.name,
                "password": password,
                "users": [{"email": member.user.email, "role": role.value} for role, member in members.items()],
                "gateway_token": token,
                "project_id": project.pk,
            }
            if content != known:
                # Inside the transaction: a password in the database that is written nowhere would help nobody.
                write_demo_file(content)
        self.stdout.write(f"The demo is ready; its sign-ins are in {demo_file()}.{f' It {done}.' if done else ''}")
