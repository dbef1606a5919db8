"""Bars, records and signatures, without a server."""

import io
import subprocess
import sys
import time

import pytest

from accord import AccordError, Progress, Project, verify_webhook
from accord.progress import Meter
from tests.engine_fixture import ROOT
from webhooks.signing import make_secret, signature_header

BODY = b'{"created_at":"x","data":{"run":1},"id":"e","kind":"run.finished","project":null}'


def test_the_client_loads_neither_django_nor_torch():
    program = (
        "import sys, accord; print([name for name in ('django', 'torch', 'celery', 'config') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else():
    screen, file = Terminal(), io.StringIO()
    for stream in (screen, file):
        with Meter(True, Progress("Exporting x", "B", 2_000_000), stream) as meter:
            meter.add(1_000_000)
            meter.add(1_000_000)
    assert "100%  2.0 MB" in screen.getvalue()
    assert screen.getvalue().endswith("\n")
    assert file.getvalue() == ""


def test_nothing_is_shown_where_nothing_is_wanted():
    screen = Terminal()
    with Meter(False, Progress("x"), screen) as meter:
        meter.add(1)
    assert screen.getvalue() == ""


def test_progress_without_a_total_says_how_much_there_is():
    assert str(Progress("Judging", "judged", done=1234)).startswith("Judging  1,234 judged")


def test_a_record_keeps_what_a_newer_server_says_and_refuses_what_is_none():
    project = Project.read({"id": 1, "name": "A", "slug": "a", "mood": "good", "created_at": "2026-11-21T10:00:00Z"})
    assert project.more == {"mood": "good"}
    assert project.created_at is not None
    for nonsense in ({"id": 1}, [], None, {"id": 1, "name": "A", "slug": "a", "created_at": "soon"}):
        with pytest.raises(AccordError) as refused:
            Project.read(nonsense)
        assert refused.value.code == "nonsense"


def test_what_accord_signs_the_client_accepts():
    secret, at = make_secret(), int(time.time())
    event = verify_webhook(BODY, signature_header(BODY, [secret], at=at), secret)
    assert (event.kind, event.data) == ("run.finished", {"run": 1})
    # During a rotation either secret will do.
    verify_webhook(BODY, signature_header(BODY, [make_secret(), secret], at=at), secret)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (lambda secret, at: signature_header(BODY, ["another"], at=at), BODY),
        (lambda secret, at: signature_header(BODY, [secret], at=at), BODY + b" "),
        (lambda secret, at: signature_header(BODY, [secret], at=at - 400), BODY),
        (lambda secret, at: signature_header(BODY, [secret], at=at).replace(f"t={at}", f"t={at + 1}"), BODY),
        (lambda secret, at: f"t={at}", BODY),
        (lambda secret, at: f"t={at},v1=é", BODY),
        (lambda secret, at: "nonsense", BODY),
        (lambda secret, at: "", BODY),
    ],
)
def test_what_it_did_not_sign_is_refused(header, body):
    secret, at = make_secret(), int(time.time())
    with pytest.raises(AccordError) as refused:
        verify_webhook(body, header(secret, at), secret)
    assert refused.value.code == "bad_signature"
