"""Who runs on a data directory: a lock that the kernel frees when its holder dies, and a file naming the processes."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from supervisor.errors import StartError
from supervisor.leftovers import Identity


@dataclass
class State:
    """supervisor.json: enough to stop or clean up, for somebody who comes later."""

    supervisor: Identity
    token: str
    address: str = ""
    ready: bool = False
    # What the children need beyond the given environment: the embedded servers' URLs.
    environment: dict[str, str] = field(default_factory=dict)
    children: dict[str, Identity] = field(default_factory=dict)

    def write(self, data_dir: Path) -> None:
        """Replace the file as a whole. It holds the broker's password: only its owner may read it."""
        new = data_dir / "supervisor.json.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        new.rename(data_dir / "supervisor.json")


def read_state(data_dir: Path) -> State | None:
    """What the last supervisor wrote; None when there was none or its file is damaged."""
    try:
        found = json.loads((data_dir / "supervisor.json").read_text())
        children = {name: Identity(**child) for name, child in found.pop("children").items()}
        return State(supervisor=Identity(**found.pop("supervisor")), children=children, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def is_locked(data_dir: Path) -> bool:
    """Whether a supervisor runs on the directory."""
    path = data_dir / "supervisor.lock"
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def lock(data_dir: Path) -> IO[str]:
    """Hold the directory until the returned file is closed or this process ends, however it ends.

    Raises:
        StartError: another supervisor holds it.
    """
    file = (data_dir / "supervisor.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        state = read_state(data_dir)
        who = f", process {state.supervisor.pid}, at {state.address}" if state else ""
        raise StartError(f"Accord already runs here{who}. `make stop` ends it.") from None
    return file
