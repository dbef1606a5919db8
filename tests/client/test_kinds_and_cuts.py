"""Every kind of judgement, and an export whose connection is cut on its way from the real server."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from accord import AccordError, Assignment, Client
from accounts.tokens import create_token
from tests.client.conftest import ROWS

pytestmark = pytest.mark.django_db(transaction=True)

SAID: dict[str, Callable[[Assignment], dict[str, object]]] = {
    "comparison": lambda given: {"choice": "tie"},
    "ranking": lambda given: {"ranks": {each.label: place for place, each in enumerate(given.responses, start=1)}},
    "rating": lambda given: {"scores": {axis["name"]: axis["high"] for axis in given.ask["axes"]}},
    "correction": lambda given: {"text": given.responses[0].text + " And salt."},
}


@pytest.mark.parametrize("kind", SAID)
def test_each_kind_is_asked_for_judged_and_exported(connect, alice, tmp_path, kind):
    client = connect(alice)
    project = client.projects.create("Eggs", design={"kind": kind})
    texts = [{"text": text} for text in ("Three minutes.", "Four minutes.", "Ask a hen.")]
    client.import_rows(project, [{"prompt": "How long?", "responses": texts}], make_items=False, progress=False)
    assert client.projects.make_items(project, kind=kind, responses_per_item=3) == 1
    seen: list[Assignment] = []

    def judge(assignment: Assignment) -> dict[str, object]:
        seen.append(assignment)
        return {**SAID[assignment.kind](assignment), "reason": "Because.", "active_ms": 900}

    assert client.annotate(project, judge, progress=False) == 1
    assert [assignment.kind for assignment in seen] == [kind]
    path = client.export_file(project, tmp_path / "all.jsonl", progress=False)
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (row["kind"], row["reason"]) == (kind, "Because.")


def test_what_a_kind_does_not_take_is_refused_with_its_field(connect, alice):
    client = connect(alice)
    project = client.projects.create("Eggs")
    client.import_rows(project, ROWS[:1], progress=False)
    assignment = client.next(project)
    client.report(assignment, "Both answers are odd.")
    with pytest.raises(AccordError) as refused:
        client.judge(assignment, choice="better")
    assert refused.value.fields.keys() == {"choice"}
    client.release(assignment)
    again = client.next(project)
    assert again.item == assignment.item


class Cutter:
    """Passes connections on to the server; the first answers are cut after so many bytes."""

    def __init__(self, web_url: str, cuts: list[int]) -> None:
        parts = urlsplit(web_url)
        self.server, self.cuts = (parts.hostname, parts.port), cuts
        self.asked: list[str] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            with client, socket.create_connection(self.server) as server:
                request = client.recv(65536)
                self.asked.append(request.split(b"\r\n")[0].decode())
                server.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
                left = self.cuts.pop(0) if self.cuts else None
                while (data := server.recv(4096 if left is None else min(4096, left))) and left != 0:
                    client.sendall(data)
                    left = None if left is None else left - len(data)

    def close(self) -> None:
        # An accept that waits is not woken by closing alone.
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


@pytest.fixture
def cutter(web_url) -> Iterator[Cutter]:
    made = Cutter(web_url, [2500, 3500])
    yield made
    made.close()


def test_a_cut_export_is_whole_in_the_end(connect, alice, cutter, tmp_path):
    client = connect(alice)
    project = client.projects.create("Eggs")
    rows = [{**ROWS[0], "prompt": f"How long does egg {number} take?"} for number in range(40)]
    client.import_rows(project, rows, progress=False)
    client.annotate(project, lambda assignment: {"choice": "a", "strength": 1}, progress=False)
    whole = client.export_file(project, tmp_path / "whole.jsonl", "kto", progress=False)
    with Client(cutter.url, create_token(by=alice, name="cut")[1]) as cut:
        path = cut.export_file(project, tmp_path / "cut.jsonl", "kto", progress=False)
    assert path.read_bytes() == whole.read_bytes()
    assert len(cutter.asked) == 3
    assert "after=" in cutter.asked[1]
    assert "after=" in cutter.asked[2]
