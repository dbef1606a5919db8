"""What the Makefile offers beside `run`."""

import contextlib
import shutil
import signal
import subprocess
import time
from dataclasses import replace

from supervisor.accord import manage
from supervisor.errors import StartError
from supervisor.run import clean_up, run
from supervisor.settings import Settings
from supervisor.state import is_locked, lock, read_state
from supervisor.valkey import find_free_port

STOP_SECONDS = 120
# Only what Accord made is deleted: ACCORD_DATA_DIR may name a directory that holds other things too.
LOST_AT_RESET = {
    "postgres*": "all projects, judgements, users and runs",
    "valkey": "queued background work",
    "models": "trained models",
    "engine": "the engine's links to them",
    "runs": "run directories and checkpoints",
    "snapshots": "snapshots",
    "loop*": "what `make loop` left",
    "log": "logs",
    "secret_key": "the key that signs sessions",
    "demo.json": "the demo's sign-ins",
    "celerybeat-schedule*": "beat's clock",
    "features": "what the base model made of the answers, kept for the next training",
    "benchmarks": "what benchmarks keep",
    "supervisor.json*": "which processes ran here",
    # Last: it is held until everything else is gone.
    "supervisor.lock": "who runs here",
}


def stop(settings: Settings) -> int:
    """End the running application, or what is left of one that was killed."""
    state = read_state(settings.data_dir)
    if is_locked(settings.data_dir) and state and (supervisor := state.supervisor.find()):
        supervisor.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_locked(settings.data_dir):
            if time.monotonic() > deadline:
                raise StartError(
                    f"Accord has not ended after {STOP_SECONDS} seconds. `kill -9 {supervisor.pid}` forces it."
                )
            time.sleep(0.1)
        print("Accord has ended.")
        return 0
    if not settings.data_dir.exists():
        print("Accord does not run here.")
        return 0
    with lock(settings.data_dir):
        ended = clean_up(settings)
    print(
        f"Cleaned up after a run that was killed (processes ended: {ended})." if ended else "Accord does not run here."
    )
    return 0


def reset(settings: Settings) -> int:
    """Delete what the application keeps in its data directory, after asking."""
    if not settings.data_dir.exists():
        print("There is nothing to delete.")
        return 0
    with lock(settings.data_dir):
        found = [(path, lost) for glob, lost in LOST_AT_RESET.items() for path in sorted(settings.data_dir.glob(glob))]
        # Taking the lock has made its file.
        if [path.name for path, _ in found] == ["supervisor.lock"]:
            found[0][0].unlink()
            print("There is nothing to delete.")
            return 0
        print(f"This deletes from {settings.data_dir}, for good:")
        for path, lost in found:
            print(f"    {path.name:<22} {lost}")
        if settings.database_url:
            print("The database at DATABASE_URL is not touched.")
        try:
            answer = input("Type reset to go on: ")
        except EOFError:
            answer = ""
        if answer.strip() != "reset":
            print("\nNothing was deleted.")
            return 1
        clean_up(settings)
        for path, _ in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with contextlib.suppress(OSError):  # it holds other things too, or is a mount point
            settings.data_dir.rmdir()
    print("Deleted. `make run` starts afresh.")
    return 0


def run_loop(settings: Settings, arguments: list[str]) -> int:
    """The whole loop without a person, beside a running application: with a directory, ports, servers of its own."""
    data_dir = settings.data_dir / "loop"
    if data_dir.exists():
        with lock(data_dir):
            clean_up(replace(settings, data_dir=data_dir))
            for path in data_dir.iterdir():
                if path.name != "supervisor.lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    not_ours = {"DATABASE_URL", "BROKER_URL", "ENGINE_URL", "GATEWAY_URL", "WEB_URL"}
    own = replace(
        settings,
        data_dir=data_dir,
        web_port=find_free_port(),
        gateway_port=find_free_port(),
        engine_port=find_free_port(),
        database_url="",
        broker_url="",
        engine_url="",
        seed_demo=True,
        environment={name: value for name, value in settings.environment.items() if name not in not_ours},
    )
    return run(own, instead=manage("loop", *arguments))


def run_manage(settings: Settings, arguments: list[str]) -> int:
    """manage.py with the environment of the running application, to which the embedded servers belong."""
    state = read_state(settings.data_dir)
    if not is_locked(settings.data_dir) or not state:
        raise StartError("Accord does not run here. `make run` starts it.")
    program = manage(*(arguments or ["help"]))
    environment = {**settings.environment, "ACCORD_DATA_DIR": str(settings.data_dir), **state.environment}
    return subprocess.run(program.command, env=environment, cwd=program.directory, check=False).returncode
