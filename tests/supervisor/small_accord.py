"""Accord in small, for the tests: the real supervisor and servers, and in place of Django two little programs."""

import sys

from supervisor.errors import StartError
from supervisor.program import Program
from supervisor.run import run
from supervisor.settings import Settings, read_settings

WEB = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]))"
# Starts a process in a session of its own, as the trainer starts a recipe, and tells its number.
TRAINER = """
import subprocess, sys, time
recipe = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("recipe", recipe.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def list_small_programs(settings: Settings) -> list[Program]:
    programs = {
        "web": ["-c", WEB, str(settings.web_port)],
        "trainer": ["-c", TRAINER],
        "stubborn": ["-c", STUBBORN],
        "broken": ["-c", "import sys; sys.exit('the reason')"],
    }
    wanted = settings.environment["SMALL_PROGRAMS"].split()
    return [Program(name, [sys.executable, *programs[name]], grace_seconds=1) for name in wanted]


if __name__ == "__main__":
    try:
        sys.exit(run(read_settings(), programs=list_small_programs, before=()))
    except StartError as error:
        sys.exit(f"error: {error}")
