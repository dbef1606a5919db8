"""How long from `make run` to a first item on an annotator's screen: on the first start, and on a later one.

    python -m benchmarks.first_item [--data DIRECTORY]

Starts the application as `make run` does after the installation, in a data directory of its own and on free ports,
signs in as the demo's annotator over HTTP and asks for the desk until it shows an item; stops it, starts it again
on the same data and does the same. Prints one JSON line last, in seconds since the start.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.web_bench import ROOT, free_port

PATIENCE_SECONDS = 900


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds from the start to a first item on the annotator's screen")
    parser.add_argument("--data", type=Path, default=None, help="keep the data here; a temporary one when absent")
    arguments = parser.parse_args()
    # Not below /root: PostgreSQL runs as another user when we are root, and must get in.
    home = arguments.data or Path(tempfile.mkdtemp(prefix="accord-first-"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    try:
        figures = {"first_start": time_start(home), "later_start": time_start(home)}
    finally:
        if arguments.data is None:
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps({"benchmark": "first_item", "load_average": os.getloadavg()[0], **figures}))


def time_start(home: Path) -> dict[str, float]:
    """Seconds until the sign-in page answers, until the supervisor calls itself ready, and until an item shows."""
    ports = {f"ACCORD_{name}_PORT": str(free_port()) for name in ("WEB", "GATEWAY", "ENGINE")}
    environment = os.environ | ports | {"ACCORD_DATA_DIR": str(home / "var")}
    log = home / "output.txt"
    began = time.monotonic()
    with log.open("w") as output:
        command = [sys.executable, "-m", "supervisor", "run"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    seconds: dict[str, float] = {}
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{ports['ACCORD_WEB_PORT']}", follow_redirects=True)
        demo: dict[str, object] = {}
        while "item" not in seconds:
            if process.poll() is not None or time.monotonic() - began > PATIENCE_SECONDS:
                sys.exit(f"error: the application did not get there.\n{log.read_text()[-3000:]}")
            time.sleep(0.25)
            try:
                if "sign_in" not in seconds:
                    demo = json.loads((home / "var" / "demo.json").read_text())
                    sign_in(client, str(demo["password"]))
                    seconds["sign_in"] = since(began)
                page = client.get(f"/projects/{demo['project_id']}/desk/").text
            except (httpx.TransportError, FileNotFoundError, ValueError, LookupError):
                continue  # not there yet
            if 'id="answer-a"' in page:
                seconds["item"] = since(began)
            if "ready" not in seconds and "Accord is at" in log.read_text():
                seconds["ready"] = since(began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)
    return seconds


def sign_in(client: httpx.Client, password: str) -> None:
    """Raises LookupError while the page has no form or the account is not there yet."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/sign-in/").text)
    if token is None:
        raise LookupError("no form")
    form = {"csrfmiddlewaretoken": token[1], "email": "annotator@demo.accord", "password": password}
    if "Sign in to Accord" in client.post("/sign-in/", data=form).text:
        raise LookupError("no account")


def since(began: float) -> float:
    return round(time.monotonic() - began, 1)


if __name__ == "__main__":
    main()
