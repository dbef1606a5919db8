"""What can be known to be wrong before anything starts."""

import shutil
import socket
import tempfile
from pathlib import Path

import psutil

from supervisor.errors import StartError

NEEDED_GB = 3.0


def check_data_directory(directory: Path) -> None:
    """The directory can be made and written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".writable-") as probe:
            probe.write(b"x")
    except OSError as error:
        raise StartError(
            f"The data directory {directory} cannot be written ({error.strerror}). Make it yours with chown, or set "
            f"ACCORD_DATA_DIR to a directory that you may write."
        ) from None


def check_free_space(directory: Path, *, needed_gb: float = NEEDED_GB) -> None:
    """The base model, the database and the first runs fit."""
    free_gb = shutil.disk_usage(directory).free / 1e9
    if free_gb < needed_gb:
        raise StartError(
            f"{directory} has {free_gb:.1f} GB free and Accord needs {needed_gb:.0f} GB. Free some space, or set "
            f"ACCORD_DATA_DIR to a directory on a larger disk."
        )


def check_port(port: int, *, setting: str) -> None:
    """Nobody listens on the port."""
    with socket.socket() as probe:
        # As the servers do: connections of one that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise StartError(f"Port {port} needs root. Set {setting} to a port above 1023.") from None
        except OSError:
            raise StartError(
                f"Port {port} is taken by {_listener(port)}. End that program, or set {setting} to a free port."
            ) from None


def _listener(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another user's program"
