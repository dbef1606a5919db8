"""Embedded servers after what can happen to them: an interrupted first start, a crash, an older version."""

import os
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from supervisor.errors import StartError
from supervisor.postgres import prepare_postgres, running_postgres
from supervisor.servers import start_postgres, start_valkey


def test_a_server_has_its_directory_alone_and_keeps_the_data_over_a_stop(data_dir):
    server = start_postgres(data_dir / "postgres", durable=False)
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with pytest.raises(StartError, match=f"already serves .* as process {server.process.pid}"):
        start_postgres(data_dir / "postgres", durable=False)
    server.stop()
    server.stop()
    assert not Path(server.url.partition("?host=")[2]).exists()
    server = start_postgres(data_dir / "postgres", durable=False)
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        server.stop()


def test_an_interrupted_first_start_is_made_again_and_nothing_is_deleted(data_dir):
    (data_dir / "postgres.new-4711").mkdir()
    (data_dir / "postgres.new-4711/PG_VERSION").write_text("18\n")
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/somebodys.txt").write_text("keep me")
    server = start_postgres(data_dir / "postgres", durable=False)
    server.stop()
    assert not (data_dir / "postgres.new-4711").exists()
    (aside,) = data_dir.glob("postgres.incomplete-*")
    assert (aside / "somebodys.txt").read_text() == "keep me"


def test_a_stale_pid_file_with_a_number_that_is_somebody_elses_does_not_stop_the_start(data_dir):
    server = start_postgres(data_dir / "postgres", durable=False)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    pid_file = data_dir / "postgres/postmaster.pid"
    _, rest = pid_file.read_text().split("\n", 1)
    pid_file.write_text(f"{os.getpid()}\n{rest}")
    assert running_postgres(data_dir / "postgres") is None
    server = start_postgres(data_dir / "postgres", durable=False)
    server.stop()


def test_another_versions_directory_is_refused_and_left_alone(data_dir):
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/PG_VERSION").write_text("16\n")
    with pytest.raises(StartError, match="written by PostgreSQL 16 and this is 18"):
        prepare_postgres(data_dir / "postgres")
    assert (data_dir / "postgres/PG_VERSION").read_text() == "16\n"


def test_valkey_refuses_whoever_does_not_know_the_password(data_dir):
    server = start_valkey(data_dir / "valkey")
    try:
        port = int(server.url.rpartition(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"GET anything\r\n")
            assert stranger.recv(100).startswith(b"-NOAUTH")
    finally:
        server.stop()
