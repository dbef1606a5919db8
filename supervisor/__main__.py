"""`python -m supervisor run | stop | reset | loop | manage COMMAND…`: what the Makefile calls."""

import contextlib
import os
import sys

from supervisor.commands import reset, run_loop, run_manage, stop
from supervisor.errors import StartError
from supervisor.run import run
from supervisor.settings import read_settings


def main() -> int:
    """Do what the command line says; a refusal is one sentence and exit code 1."""
    command, *rest = sys.argv[1:] or ["run"]
    try:
        settings = read_settings()
        if command == "run":
            return run(settings)
        if command == "stop":
            return stop(settings)
        if command == "reset":
            return reset(settings)
        if command == "loop":
            return run_loop(settings, rest)
        if command == "manage":
            return run_manage(settings, rest)
        raise StartError(f"There is no command {command}: run, stop, reset, loop and manage are those there are.")
    except KeyboardInterrupt:
        return 130
    except StartError as error:
        with contextlib.suppress(OSError):
            print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    code = main()
    # The reader of our output may be gone (`make run | head`): say so to nobody at exit.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)
