"""The processes of Accord: their commands, in the order in which they start."""

import http.client
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from signal import SIGQUIT

from supervisor.program import Program
from supervisor.settings import ROOT, Settings

PYTHON = sys.executable


def manage(*arguments: str, name: str = "") -> Program:
    """A command of manage.py."""
    return Program(name or arguments[0], [PYTHON, str(ROOT / "manage.py"), *arguments], directory=ROOT)


def list_programs(settings: Settings) -> list[Program]:
    """Everything but the two servers, which come before and have no settings of Django's."""
    celery = [PYTHON, "-m", "celery", "--quiet", "-A", "config"]
    worker = [*celery, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    bind = f"127.0.0.1:{settings.web_port}"
    web = [PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", bind, "--workers", "2", "--threads", "4"]
    gateway = [PYTHON, "-m", "uvicorn", "config.gateway:application", "--host", "127.0.0.1"]
    quietly = ["--timeout-graceful-shutdown", "8", "--no-access-log", "--lifespan", "off"]
    programs = [
        Program(
            "web",
            [*web, "--graceful-timeout", "8", "--no-control-socket"],
            is_ready=_answers(f"{settings.web_address}/"),
            ready_seconds=120,
            directory=ROOT,
        ),
        Program(
            "gateway",
            [*gateway, "--port", str(settings.gateway_port), *quietly],
            is_ready=_answers(f"{settings.gateway_address}/models"),
            ready_seconds=120,
            directory=ROOT,
        ),
        Program("worker", [*worker, "-Q", "default", "-n", "worker@%h", "--concurrency", "2"], directory=ROOT),
        Program(
            "trainer",
            [*worker, "-Q", "gpu", "-n", "trainer@%h", "--concurrency", "1"],
            # Celery's SIGTERM waits for the running task, which may be hours of training; SIGQUIT gives it back.
            stop_signal=SIGQUIT,
            directory=ROOT,
        ),
        # Recipes of seconds: refits of the reward model, scores.
        Program(
            "fast", [*worker, "-Q", "fast", "-n", "fast@%h", "--concurrency", "2"], stop_signal=SIGQUIT, directory=ROOT
        ),
        Program("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""], directory=ROOT),
    ]
    return programs if settings.engine_url else [*programs, _engine(settings)]


def _engine(settings: Settings) -> Program:
    """Our own: serves the whole models of the store and, for adapters, the directories under engine/."""
    roots = ["--root", str(settings.data_dir / "engine"), "--root", str(settings.data_dir / "models")]
    return Program(
        "engine",
        [
            PYTHON,
            "-m",
            "engine",
            *roots,
            "--port",
            str(settings.engine_port),
            "--device",
            _device(),
            *settings.engine_args,
        ],
        is_ready=_answers(f"http://127.0.0.1:{settings.engine_port}/health"),
        holds_up_start=False,
        optional=True,
        directory=ROOT,
    )


def _device() -> str:
    """cuda when torch can use a GPU. Importing torch takes seconds, so a machine without a driver is not asked."""
    if not shutil.which("nvidia-smi") and not Path("/dev/nvidia0").exists():
        return "cpu"
    ask = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return "cuda" if subprocess.run([PYTHON, "-c", ask], check=False, capture_output=True).returncode == 0 else "cpu"


def _answers(url: str) -> Callable[[], bool]:
    # Without the proxy that the environment may name: it cannot reach this machine's 127.0.0.1.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask() -> bool:
        try:
            with opener.open(url, timeout=2):
                return True
        except urllib.error.HTTPError:
            # Any answer will do: a page for the signed-in alone refuses us, and is up.
            return True
        except (OSError, http.client.HTTPException):
            return False

    return ask
