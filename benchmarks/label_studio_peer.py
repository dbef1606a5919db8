"""Label Studio 1.23 under the same load as `benchmarks.desk_load` puts on Accord.

Its virtual environment is made beside ours: `python -m venv V && V/bin/pip install label-studio==1.23.2 gunicorn`.
It gets a PostgreSQL of its own, of the same build and settings, and as many gunicorn workers. A cycle is what its own
page does: `GET /api/projects/N/next`, then `POST /api/tasks/N/annotations/`.
"""

import argparse
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.desk_load import Contender, Cycle, ask
from benchmarks.web_bench import gunicorn
from supervisor.servers import start_postgres

CONFIG = """<View><Text name="prompt" value="$prompt"/>
<Pairwise name="pw" toName="a,b"/><Text name="a" value="$a"/><Text name="b" value="$b"/></View>"""

# The embedded PostgreSQL has neither pg_trgm nor btree_gin; without three indexes Label Studio writes the faster.
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
from django.db.backends.utils import CursorWrapper
execute = CursorWrapper.execute
CursorWrapper.execute = lambda self, sql, params=None: (
    None if any(word in str(sql).lower() for word in ("trgm", "create extension")) and "select" not in str(sql).lower()
    else execute(self, sql, params))
call_command("migrate", interactive=False, verbosity=0)
"""
# Run inside Label Studio: people, a project with overlap for everybody, tasks; prints the tokens.
SETUP = """
import json, sys
from organizations.models import Organization
from projects.models import Project
from rest_framework.authtoken.models import Token
from tasks.models import Task
from users.models import User
people, items, config = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
users = [User.objects.create_user(email=f"a{n}@example.org", password="x" * 12) for n in range(people)]
organization = Organization.create_organization(created_by=users[0], title="Bench")
organization.jwt.legacy_api_tokens_enabled = True
organization.jwt.save()
for user in users:
    organization.add_user(user) if user != users[0] else None
    user.active_organization = organization
    user.save()
project = Project.objects.create(title="Bench", organization=organization, created_by=users[0], label_config=config,
                                 maximum_annotations=people, sampling="Sequential sampling")
Task.objects.bulk_create([Task(project=project, data={"prompt": f"Why {n}?", "a": "Yes.", "b": "No."}, overlap=people)
                          for n in range(items)])
tokens = [Token.objects.get_or_create(user=user)[0].key for user in users]
print("READY " + json.dumps({"project": project.pk, "tokens": tokens}))
"""


@contextmanager
def label_studio(options: argparse.Namespace, home: Path) -> Iterator[dict[str, Contender]]:
    """A Label Studio with people, tasks and a server of its own."""
    venv = options.peer.resolve()
    code = next(venv.glob("lib/python3*/site-packages/label_studio"))
    server = start_postgres(home / "peer")
    environment = os.environ | server_parts(server.url) | {
        "DJANGO_DB": "default", "DJANGO_SETTINGS_MODULE": "core.settings.label_studio", "PYTHONPATH": str(code),
        "LABEL_STUDIO_BASE_DATA_DIR": str(home / "label_studio"), "COLLECT_ANALYTICS": "0", "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "", "DEBUG": "false", "LOG_LEVEL": "ERROR", "LATEST_VERSION_CHECK": "0",
    }  # fmt: skip
    for name in ("DATABASE_URL", "ACCORD_DATA_DIR", "SECRET_KEY"):
        environment.pop(name, None)
    python = str(venv / "bin" / "python")
    try:
        migrate = home / "migrate.py"
        migrate.write_text(MIGRATE)
        run_inside(python, code, environment, [str(migrate)])
        setup = home / "setup.py"
        setup.write_text(f"import django; django.setup()\n{SETUP}")
        told = run_inside(python, code, environment, [str(setup), str(options.annotators), str(options.items), CONFIG])
        made = json.loads(told.split("READY ")[1].splitlines()[0])
        peer = gunicorn("core.wsgi", workers=options.workers, python=python, cwd=code, environment=environment)
        with peer as (port, pid):
            cycles = [cycle_of(port, made["project"], token) for token in made["tokens"]]
            yield {"label_studio": Contender(cycles, psutil.Process(pid))}
    finally:
        server.stop()


def cycle_of(port: int, project: int, token: str) -> Cycle:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    result = [{"type": "pairwise", "from_name": "pw", "to_name": ["a", "b"], "value": {"selected": "left"}}]

    def cycle() -> bool:
        task = json.loads(ask(connection, "GET", f"/api/projects/{project}/next", "", headers))
        said = json.dumps({"result": result, "lead_time": 1.0})
        ask(connection, "POST", f"/api/tasks/{task['id']}/annotations/?project={project}", said, headers)
        return True

    cycle()  # what a first request loads is not the load's
    return cycle


def server_parts(url: str) -> dict[str, str]:
    """Label Studio's settings for the database that `url` names."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    return {
        "POSTGRE_USER": str(parts.get("user", "")), "POSTGRE_PASSWORD": str(parts.get("password", "")),
        "POSTGRE_NAME": str(parts["dbname"]), "POSTGRE_HOST": str(parts.get("host", "")),
        "POSTGRE_PORT": str(parts.get("port", "5432")),
    }  # fmt: skip


def run_inside(python: str, code: Path, environment: dict[str, str], arguments: list[str]) -> str:
    done = subprocess.run([python, *arguments], cwd=code, env=environment, capture_output=True, text=True, timeout=500)
    if done.returncode:
        raise SystemExit(f"error: Label Studio: {' '.join(arguments[:2])} failed.\n{done.stderr[-2000:]}")
    return done.stdout
