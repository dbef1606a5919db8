"""The supervisor as a process among processes: real PostgreSQL and Valkey, kills and signals."""

import signal
import socket

import psutil
import psycopg
import pytest
import redis

from tests.supervisor.conftest import wait_for


def log_of(accord, name, *, containing=""):
    """What the process has written, as soon as that contains the word."""
    log = accord.data_dir / f"log/{name}.log"
    wait_for(lambda: log.exists() and containing in log.read_text())
    return log.read_text()


def recipe_of(accord):
    return psutil.Process(int(log_of(accord, "trainer", containing="\n").split()[1]))


def runs(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def connect(accord):
    return psycopg.connect(accord.state.environment["DATABASE_URL"])


def broker(accord):
    return redis.Redis.from_url(accord.state.environment["BROKER_URL"])


def answers(ask):
    def attempt():
        try:
            return ask() or True
        except (psycopg.OperationalError, redis.RedisError, OSError):
            return False

    return attempt


def test_killed_servers_come_back_under_the_same_url_with_their_data(small_accord):
    accord = small_accord(servers=True).start().wait_until_ready()
    with connect(accord) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('judgement')")
    with broker(accord) as valkey:
        valkey.set("kept", "message")
    # A session that computes does not notice that the server's first process is gone, and keeps the next one out.
    busy = connect(accord)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
    accord.kill_and_wait_for_restart("postgres")
    accord.kill_and_wait_for_restart("valkey")
    wait_for(answers(lambda: connect(accord).close()))
    busy.close()
    with connect(accord) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("judgement",)]
    with broker(accord) as valkey:
        wait_for(answers(valkey.ping))
        assert valkey.get("kept") == b"message"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process_even_those_that_do_not_listen(small_accord, sent):
    accord = small_accord("web trainer stubborn", servers=True).start().wait_until_ready()
    recipe_of(accord)
    log_of(accord, "stubborn", containing="deaf")
    output = accord.end(sent)
    assert accord.survivors() == []
    stopped = [line.split()[-1] for line in output.splitlines() if "stopping" in line]
    assert stopped == ["stubborn", "trainer", "web", "valkey", "postgres"]


def test_a_killed_trainer_is_started_again_and_its_recipe_does_not_live_on(small_accord):
    accord = small_accord("trainer").start().wait_until_ready()
    recipe = recipe_of(accord)
    accord.kill_and_wait_for_restart("trainer")
    assert not runs(recipe)


def test_a_start_after_the_supervisor_was_killed_cleans_up_and_keeps_the_data(small_accord):
    killed = small_accord("web trainer", servers=True).start().wait_until_ready()
    recipe = recipe_of(killed)
    with connect(killed) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    killed.end(signal.SIGKILL)
    accord = small_accord("web trainer", servers=True).start().wait_until_ready()
    assert not runs(recipe)
    with connect(accord) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    accord.end()
    assert killed.survivors() == []


def test_stop_ends_what_a_killed_supervisor_left(small_accord):
    killed = small_accord("trainer").start().wait_until_ready()
    recipe = recipe_of(killed)
    killed.end(signal.SIGKILL)
    assert runs(recipe)
    assert "Cleaned up after a run that was killed" in small_accord().start("supervisor", "stop").end_by_itself()
    assert killed.survivors() == []


def test_stop_ends_a_running_application(small_accord):
    accord = small_accord().start().wait_until_ready()
    assert small_accord().start("supervisor", "stop").end_by_itself() == "Accord has ended.\n"
    assert accord.survivors() == []


def test_a_second_supervisor_is_refused_with_the_address_of_the_first(small_accord):
    first = small_accord().start().wait_until_ready()
    second = small_accord().start()
    output = second.end_by_itself()
    assert second.process.returncode == 1
    assert f"Accord already runs here, process {first.process.pid}, at {first.state.address}" in output
    assert "`make stop` ends it" in output
    assert first.process.poll() is None


def test_a_taken_port_is_refused_with_its_holder_and_the_setting(small_accord):
    accord = small_accord()
    with socket.create_server(("127.0.0.1", int(accord.environment["ACCORD_GATEWAY_PORT"]))) as taken:
        output = accord.start().end_by_itself()
        assert accord.process.returncode == 1
        assert f"Port {taken.getsockname()[1]} is taken by" in output
        assert f"(process {psutil.Process().pid})" in output
        assert "set ACCORD_GATEWAY_PORT to a free port" in output


def test_a_program_that_keeps_crashing_stops_everything_with_one_sentence(small_accord):
    accord = small_accord("web broken").start()
    output = accord.end_by_itself()
    assert accord.process.returncode == 1
    assert "broken   | the reason" in output
    assert "broken ended with exit code 1, 5 times in a row." in output.splitlines()[-1]
    assert accord.survivors() == []


def test_output_goes_to_the_log_of_its_process(small_accord):
    accord = small_accord("web stubborn").start().wait_until_ready()
    assert log_of(accord, "stubborn", containing="deaf") == "deaf\n"
    assert "stubborn | deaf" in accord.end().splitlines()
