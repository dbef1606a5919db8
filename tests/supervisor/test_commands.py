"""reset and manage, as the Makefile calls them."""

import os
import subprocess
import sys

import pytest

from supervisor.settings import ROOT


@pytest.fixture
def full_data_dir(tmp_path):
    for name in ("postgres", "valkey", "features", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    for name in ("secret_key", "supervisor.json"):
        (tmp_path / name).write_text("")
    return tmp_path


def supervisor(data_dir, *command, typed=""):
    environment = {**os.environ, "ACCORD_DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    return subprocess.run(
        [sys.executable, "-m", "supervisor", *command],
        input=typed,
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def names(directory):
    return {path.name for path in directory.iterdir()} - {"supervisor.lock"}


@pytest.mark.parametrize("typed", ["", "\n", "yes\n"])
def test_reset_deletes_nothing_unless_the_word_is_typed(full_data_dir, typed):
    done = supervisor(full_data_dir, "reset", typed=typed)
    assert done.returncode == 1
    assert "postgres               all projects, judgements, users and runs" in done.stdout
    assert "Nothing was deleted." in done.stdout
    assert names(full_data_dir) == {"postgres", "valkey", "features", "mine", "secret_key", "supervisor.json"}


def test_reset_deletes_what_accord_made_and_nothing_else(full_data_dir):
    done = supervisor(full_data_dir, "reset", typed="reset\n")
    assert done.returncode == 0
    assert {path.name for path in full_data_dir.iterdir()} == {"mine"}


def test_reset_leaves_no_directory_that_held_nothing_else(full_data_dir):
    (full_data_dir / "mine" / "file").unlink()
    (full_data_dir / "mine").rmdir()
    assert supervisor(full_data_dir, "reset", typed="reset\n").returncode == 0
    assert not full_data_dir.exists()
    assert "There is nothing to delete." in supervisor(full_data_dir, "reset").stdout


def test_manage_and_stop_say_when_nothing_runs(tmp_path):
    done = supervisor(tmp_path, "manage", "check")
    assert (done.returncode, done.stderr) == (1, "error: Accord does not run here. `make run` starts it.\n")
    done = supervisor(tmp_path, "stop")
    assert (done.returncode, done.stdout) == (0, "Accord does not run here.\n")


def test_an_unknown_command_is_refused_with_those_there_are(tmp_path):
    done = supervisor(tmp_path, "start")
    assert done.returncode == 1
    assert "There is no command start: run, stop, reset" in done.stderr
