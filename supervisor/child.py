"""Becomes a child process: `python child.py '{"user": …, "death_signal": …, "parent": …}' COMMAND…`.

Runs as a program of its own and not as Python code between fork and exec, which may deadlock. The process id stays the
same over both execs. Imports nothing of this package: it is started isolated.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1


def become(options: dict[str, int | None], command: list[str]) -> None:
    """Give up root if asked, ask the kernel for a signal when the parent dies, and turn into `command`."""
    user, group = options.get("user"), options.get("group")
    if user is not None and group is not None:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # After the change of user: the kernel forgets the death signal when credentials change.
    if options.get("death_signal") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, options["death_signal"], 0, 0, 0)
        if os.getppid() != options["parent"]:
            sys.exit("The supervisor ended while this process was starting.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    become(json.loads(sys.argv[1]), sys.argv[2:])
