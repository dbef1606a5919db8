"""The whole of a start: check, clean up, servers, migrations, programs, and the address for the person who waits."""

import json
import signal
from collections.abc import Callable

from supervisor.accord import list_programs, manage
from supervisor.checks import check_data_directory, check_free_space, check_port
from supervisor.console import Console
from supervisor.errors import StartError
from supervisor.leftovers import end_processes, find_by_token
from supervisor.postgres import find_postgres, prepare_postgres, running_postgres
from supervisor.processes import Interrupted, Processes
from supervisor.program import Program
from supervisor.settings import Settings
from supervisor.state import lock, read_state
from supervisor.valkey import prepare_valkey


def run(
    settings: Settings,
    *,
    programs: Callable[[Settings], list[Program]] = list_programs,
    before: tuple[Program, ...] | None = None,
    instead: Program | None = None,
) -> int:
    """Start everything, look after it until a signal comes, end everything; answer with the exit code.

    Args:
        before: run to their end between the servers and the programs; default: the migrations and the demo.
        instead: runs to its end once everything is up, in place of waiting for a signal; its exit code is ours.
    Raises:
        StartError: what is in the way, after everything that had started has ended.
    """
    if before is None:
        before = (manage("migrate", "--noinput"), *([manage("seed_demo", name="seed")] if settings.seed_demo else []))
    check_data_directory(settings.data_dir)
    held = lock(settings.data_dir)
    check_free_space(settings.data_dir)
    console = Console(settings.data_dir / "log")
    if ended := clean_up(settings):
        console.write("accord", f"cleaned up after a run that was killed (processes ended: {ended})")
    check_port(settings.web_port, setting="ACCORD_WEB_PORT")
    check_port(settings.gateway_port, setting="ACCORD_GATEWAY_PORT")
    if not settings.engine_url:
        check_port(settings.engine_port, setting="ACCORD_ENGINE_PORT")
    processes = Processes(data_dir=settings.data_dir, environment=_environment(settings), console=console)
    processes.state.address = settings.web_address
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, processes.interrupt)
    try:
        _start_servers(processes, settings)
        for program in before:
            _run_to_success(processes, program)
        for program in programs(settings):
            processes.start(program)
        processes.state.ready = True
        processes.write_state()
        if instead:
            return processes.run_once(instead)
        _announce(processes, settings)
        processes.look_after()
        return 0
    except Interrupted:
        return 130
    finally:
        processes.stop()
        console.close()
        held.close()


def clean_up(settings: Settings) -> int:
    """End what a killed supervisor left behind. The caller holds the lock, so nobody else's processes run here."""
    left_over = find_postgres(settings.data_dir / "postgres")
    if postmaster := running_postgres(settings.data_dir / "postgres"):
        postmaster.send_signal(signal.SIGINT)
    if state := read_state(settings.data_dir):
        left_over += find_by_token(state.token)
        left_over += [process for child in state.children.values() if (process := child.find())]
    return end_processes(set(left_over), grace_seconds=10)


def _environment(settings: Settings) -> dict[str, str]:
    """What every child gets."""
    local = "127.0.0.1,localhost"
    no_proxy = ",".join(
        filter(None, [settings.environment.get("NO_PROXY", settings.environment.get("no_proxy")), local])
    )
    return {
        **settings.environment,
        "ACCORD_DATA_DIR": str(settings.data_dir),
        "ACCORD_WEB_PORT": str(settings.web_port),
        "ACCORD_GATEWAY_PORT": str(settings.gateway_port),
        "ACCORD_ENGINE_PORT": str(settings.engine_port),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def _start_servers(processes: Processes, settings: Settings) -> None:
    urls = processes.state.environment
    if not settings.database_url:
        program, urls["DATABASE_URL"] = prepare_postgres(settings.data_dir / "postgres")
        processes.start(program)
    if not settings.broker_url:
        program, urls["BROKER_URL"] = prepare_valkey(settings.data_dir / "valkey")
        processes.start(program)
    processes.environment.update(urls)


def _run_to_success(processes: Processes, program: Program) -> None:
    if code := processes.run_once(program):
        raise StartError(
            f"{program.name} ended with exit code {code}: its last lines, above and in "
            f"{processes.console.directory / program.name}.log, say why."
        )


def _announce(processes: Processes, settings: Settings) -> None:
    processes.say("")
    processes.say(f"Accord is at   {settings.web_address}")
    processes.say(f"its gateway at {settings.gateway_address}  (OpenAI-compatible)")
    demo = settings.data_dir / "demo.json"
    if demo.exists():
        found = json.loads(demo.read_text())
        processes.say(f"Demo organisation {found['organisation']}: sign in with the password {found['password']} as")
        for user in found["users"]:
            processes.say(f"    {user['email']}  ({user['role']})")
        processes.say(f"    gateway token {found['gateway_token']}")
    processes.say("Ctrl-C, or `make stop` elsewhere, ends it.")
    processes.say("")
