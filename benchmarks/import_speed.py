"""How fast pairs come in by the API, and what the server's memory does meanwhile.

    python -m benchmarks.import_speed [file.jsonl.gz]

Starts a PostgreSQL and gunicorn of its own, sends the pairs as NDJSON over HTTP, then the same again (all duplicates),
then ten times as many made-up ones. The file has lines `{"prompt", "chosen", "rejected"}`; without one it is
hh_helpful_train of the folder ACCORD_REFERENCE_DATA. Prints one JSON line last.
"""

import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import psutil

from benchmarks.labeling_bench import own_database

ROOT = Path(__file__).resolve().parent.parent


def read_pairs(path):
    with gzip.open(path) as lines:
        for row in map(json.loads, lines):
            responses = [{"text": row["chosen"]}, {"text": row["rejected"]}]
            yield json.dumps({"prompt": row["prompt"], "responses": responses}, ensure_ascii=False).encode() + b"\n"


def made_up(count):
    for number in range(count):
        responses = [{"text": f"Yes, {number}. " + "word " * 60}, {"text": f"No, {number}. " + "word " * 60}]
        yield json.dumps({"prompt": f"Question {number}? " + "word " * 30, "responses": responses}).encode() + b"\n"


class Memory(threading.Thread):
    """The largest resident size of a process and its children, watched while it works."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.process, self.peak, self.over = psutil.Process(pid), 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, self.size())

    def size(self):
        family = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in family) // 2**20


def blocks(lines: Iterable[bytes], count=200):
    lines = iter(lines)
    while block := b"".join(itertools.islice(lines, count)):
        yield block


def cpu_seconds():
    """What the web server and PostgreSQL have computed so far: it depends less on what else the machine does."""
    spent = {"web": 0.0, "database": 0.0}
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        spent["database" if process.name().startswith("postgres") else "web"] += times.user + times.system
    return spent


def serve(port):
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1",
               "--threads", "4", "--timeout", "600", "--no-control-socket"]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    raise SystemExit("error: gunicorn did not start.")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(path):
    from accounts.models import Membership, Organisation, User
    from accounts.permissions import Role
    from accounts.tokens import create_token

    organisation = Organisation.objects.create(name="Bench", slug="bench")
    user = User.objects.create(email="bench@example.org")
    member = Membership.objects.create(organisation=organisation, user=user, role=Role.ADMINISTRATOR)
    _, token = create_token(by=member, name="bench")
    port = free_port()
    server = serve(port)
    figures = {}
    try:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, timeout=600, trust_env=False
        ) as client:
            project = client.post("/projects", json={"name": "Import"}).json()["id"]
            # What a first request loads is not the import's.
            client.post(f"/projects/{project}/import", content=next(made_up(1)))
            pairs = b"".join(read_pairs(path))
            rows = pairs.count(b"\n")
            for name, body, count in (
                ("first", pairs, rows),
                ("again", pairs, rows),
                ("tenfold", None, rows * 10),
            ):
                watch = Memory(server.pid)
                before = watch.size()
                watch.start()
                computed, began = cpu_seconds(), time.perf_counter()
                content = body if body is not None else blocks(made_up(count))
                answer = client.post(f"/projects/{project}/import", content=content)
                seconds = time.perf_counter() - began
                watch.over.set()
                computed = {name: round(value - computed[name], 2) for name, value in cpu_seconds().items()}
                answer.raise_for_status()
                report = answer.json()
                assert report["created"] + report["duplicates"] == count, report
                figures[name] = {
                    "rows": count, "created": report["created"], "seconds": round(seconds, 2),
                    "rows_per_second": round(count / seconds), "cpu_seconds": computed, "server_mb_before": before,
                    "server_mb_growth": watch.peak - before,
                }  # fmt: skip
                print(name, figures[name])
    finally:
        server.terminate()
        server.wait(20)
    print(json.dumps({"benchmark": "import_speed", "file": path.name, "load_average": os.getloadavg()[0], **figures}))


if __name__ == "__main__":
    folder = Path(os.environ.get("ACCORD_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "hh_helpful_train.jsonl.gz"
    if not given.exists():
        raise SystemExit(f"error: there is no {given}. Name a file, or set ACCORD_REFERENCE_DATA to its folder.")
    with own_database():
        main(given)
