"""A pytest plugin (`-p tests.embedded`): the tests' own PostgreSQL and Valkey, up before Django reads its settings.

The first process starts them; xdist's workers inherit the addresses, each with a database and a broker number of
its own.
"""

import os
import shutil
import tempfile
from pathlib import Path

from supervisor.servers import Server, start_postgres, start_valkey

_SERVERS: list[Server] = []
_WORKER = os.environ.get("PYTEST_XDIST_WORKER")
_HOME = Path(os.environ["ACCORD_TESTS_HOME"]) if _WORKER else Path(tempfile.mkdtemp(prefix="accord-tests-"))

if _WORKER:
    os.environ["BROKER_URL"] = f"{os.environ['ACCORD_TESTS_BROKER']}/{int(_WORKER.removeprefix('gw')) + 1}"
else:
    _HOME.chmod(0o755)  # PostgreSQL runs as another user than root, and must reach its directory.
    _SERVERS.append(start_postgres(_HOME / "postgres", durable=False))
    _SERVERS.append(start_valkey(_HOME / "valkey", durable=False))
    broker = _SERVERS[1].url.rstrip("/")
    broker = broker.removesuffix("/0")
    os.environ |= {
        "ACCORD_TESTS_HOME": str(_HOME),
        "ACCORD_TESTS_BROKER": broker,
        "DATABASE_URL": _SERVERS[0].url,
        "BROKER_URL": f"{broker}/0",
        "ACCORD_DATA_DIR": str(_HOME / "data"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # Playwright's loop runs in the tests' thread; Django would refuse every query next to it.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    for server in _SERVERS:
        server.stop()
    if _SERVERS:
        shutil.rmtree(_HOME, ignore_errors=True)
