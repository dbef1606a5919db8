"""A real gateway: uvicorn in a process of its own, on the tests' database. Use it with transaction=True."""

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
def gateway_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateway's data directory."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="session")
def gateway_url(engine_url: str, gateway_files: Path, django_db_setup: None) -> Iterator[str]:
    port = free_port()
    server, _, query = os.environ["DATABASE_URL"].partition("?")
    database = f"{server.rpartition('/')[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")
    environment = os.environ | {
        "DATABASE_URL": database, "ACCORD_DATA_DIR": str(gateway_files), "SECRET_KEY": django_settings.SECRET_KEY,
        "ENGINE_URL": engine_url, "ENGINE_EMBEDDED": "1", "ENGINE_TIMEOUT_SECONDS": "20",
        "DJANGO_SETTINGS_MODULE": "config.gateway_settings",
    }  # fmt: skip
    command = [sys.executable, "-m", "uvicorn", "config.gateway:application", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "warning", "--lifespan", "off"]
    with (
        (gateway_files / "log.txt").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def gateway(gateway_url: str, gateway_files: Path, settings, engine) -> str:
    """Its address; this test's artifacts lie where the gateway looks for them."""
    settings.MODELS_DIR = gateway_files / "models"
    settings.ENGINE_DIR = gateway_files / "engine"
    return gateway_url
