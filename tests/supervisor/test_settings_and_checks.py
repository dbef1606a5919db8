"""Refusals before anything starts: each is one sentence that names the setting."""

import re
from dataclasses import replace

import pytest

from supervisor.checks import check_data_directory, check_free_space
from supervisor.errors import StartError
from supervisor.leftovers import Identity, identify
from supervisor.settings import ROOT, read_env_file, read_settings


def test_env_example_lists_every_setting_with_its_default():
    example = read_env_file(ROOT / ".env.example")
    django = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    ours = (ROOT / "supervisor/settings.py").read_text()
    read = set(re.findall(r'(?:env_\w+|text|port|database_from_url|environ\.get)\(\s*"([A-Z_]+)"', django + ours))
    assert read == set(example)
    shown = replace(read_settings({**example, "ACCORD_DATA_DIR": ""}), environment={})
    assert shown == read_settings({})


@pytest.mark.parametrize("bad", ["0", "65536", "-1", "http", "80.0"])
def test_a_port_that_is_none_is_refused(bad):
    with pytest.raises(StartError, match="ACCORD_WEB_PORT=.* is no port"):
        read_settings({"ACCORD_WEB_PORT": bad})


def test_two_programs_on_one_port_are_refused():
    with pytest.raises(StartError, match="three different ports"):
        read_settings({"ACCORD_WEB_PORT": "8001"})


def test_a_database_of_ones_own_gets_the_demo_only_when_asked_for():
    own = {"DATABASE_URL": "postgresql://accord@db/accord"}
    assert not read_settings(own).seed_demo
    assert read_settings({**own, "ACCORD_DEMO": "1"}).seed_demo


def test_env_file_keeps_what_follows_the_first_equals_sign(tmp_path):
    (tmp_path / ".env").write_text("# comment\n\nA=b=c#d\nQUOTED=' x '\n")
    assert read_env_file(tmp_path / ".env") == {"A": "b=c#d", "QUOTED": " x "}


def test_a_line_of_the_env_file_that_says_nothing_is_refused(tmp_path):
    (tmp_path / ".env").write_text("A=1\nexport B=2\n")
    with pytest.raises(StartError, match="Line 2 of .* is not NAME=value"):
        read_env_file(tmp_path / ".env")


def test_too_little_space_is_refused_with_the_space_that_is_needed(tmp_path):
    with pytest.raises(StartError, match="GB free and Accord needs 1000000 GB"):
        check_free_space(tmp_path, needed_gb=1e6)


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written .* ACCORD_DATA_DIR"):
        check_data_directory(tmp_path / "file" / "var")


def test_a_reused_process_number_is_not_taken_for_ours():
    here = identify(1)
    assert here.find() is not None
    assert Identity(here.pid, here.born - 60).find() is None
