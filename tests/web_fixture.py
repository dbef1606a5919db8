"""The real web server: gunicorn in a process of its own, on the tests' database. Use it with transaction=True."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.engine_fixture import ROOT, free_port, wait_for


@pytest.fixture(scope="session")
def web_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's data directory."""
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="session")
def web_url(web_files: Path, django_db_setup: None) -> Iterator[str]:
    port = free_port()
    server, _, query = os.environ["DATABASE_URL"].partition("?")
    database = f"{server.rpartition('/')[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")
    environment = os.environ | {
        "DATABASE_URL": database, "ACCORD_DATA_DIR": str(web_files), "SECRET_KEY": django_settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with (
        (web_files / "log.txt").open("w") as log,
        subprocess.Popen([*command, "--no-control-socket"], cwd=ROOT, env=environment, stdout=log, stderr=log) as web,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", web)
            yield f"http://127.0.0.1:{port}"
        finally:
            web.terminate()
            web.wait(20)
