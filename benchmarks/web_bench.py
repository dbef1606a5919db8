"""What the benchmarks over HTTP share: a gunicorn of their own, and what it takes of memory and processor."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def web_server() -> Iterator[tuple[httpx.Client, int]]:
    """A client of the API as an administrator, and the server's process id."""
    from accounts.models import Membership, Organisation, User
    from accounts.permissions import Role
    from accounts.tokens import create_token

    organisation, _ = Organisation.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    user, _ = User.objects.get_or_create(email="bench@example.org")
    member, _ = Membership.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": Role.ADMINISTRATOR}
    )
    _, token = create_token(by=member, name="bench")
    with (
        gunicorn() as (port, pid),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=600,
            trust_env=False,
        ) as client,
    ):
        yield client, pid


def standard_request(client, method, address, *, params=None, body=None, size=0):
    """An answer of the standard library: httpx takes several times as long, of the two cores that are measured.

    Args:
        client: whose address and token it has.
        body: a file of `size` bytes.
    """
    url = client.build_request(method, address, params=params).url
    headers = {"Authorization": client.headers["Authorization"]} | ({"Content-Length": str(size)} if body else {})
    connection = http.client.HTTPConnection(url.host, url.port, timeout=600, blocksize=2**18)
    connection.request(method, url.raw_path.decode(), body=body, headers=headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"error: {answer.status} {answer.read(1000)!r}")
    return answer


@contextmanager
def gunicorn(
    app: str = "config.wsgi",
    *,
    workers: int = 1,
    python: str = sys.executable,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, int]]:
    """A server that answers: its port and the process id of its master."""
    port = free_port()
    command = [python, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", "--workers", str(workers),
               "--threads", "4", "--keep-alive", "600", "--timeout", "600", "--no-control-socket"]  # fmt: skip
    server = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(30)


def wait_for_port(port: int) -> None:
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("error: gunicorn did not start.")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Memory(threading.Thread):
    """The largest resident sizes of a server and of what it starts, in MB, watched while it works."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.server, self.over = psutil.Process(pid), threading.Event()
        self.workers = [self.server, *self.server.children(recursive=True)]
        self.before = self.size()
        self.peak, self.helpers_peak = self.before, 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, self.size())
            helpers = [each for each in self.server.children(recursive=True) if each not in self.workers]
            self.helpers_peak = max(self.helpers_peak, sum(map(_resident, helpers)) // 2**20)

    def size(self):
        return sum(map(_resident, self.workers)) // 2**20

    def figures(self):
        figures = {"server_mb_before": self.before, "server_mb_growth": self.peak - self.before}
        return figures | ({"helper_mb": self.helpers_peak} if self.helpers_peak else {})


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


class Stopwatch:
    """Seconds, and what the web server and PostgreSQL computed meanwhile: it depends less on what else runs here."""

    def __enter__(self):
        self._computed, self._began = cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._began
        self.computed = {name: round(value - self._computed[name], 2) for name, value in cpu_seconds().items()}

    def figures(self, rows):
        return {
            "rows": rows, "seconds": round(self.seconds, 2), "rows_per_second": round(rows / self.seconds),
            "cpu_seconds": self.computed, "load_average": round(os.getloadavg()[0], 2),
        }  # fmt: skip


def cpu_seconds():
    """Of our children, by what they are. A process that has ended counts with its parent."""
    spent = {"web": 0.0, "database": 0.0}
    for process in psutil.Process().children(recursive=True):
        try:
            times, name = process.cpu_times(), process.name()
        except psutil.Error:
            continue
        ended = times.children_user + times.children_system
        spent["database" if name.startswith("postgres") else "web"] += times.user + times.system + ended
    return spent
