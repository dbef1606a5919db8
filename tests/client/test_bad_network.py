"""What the client does when the network fails: a real server that drops connections on purpose."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from accord import AccordError, Client

JUDGEMENT = {
    "id": 1, "assignment": 2, "client_id": str(uuid4()), "is_surplus": False, "created_at": "2026-11-21T10:00:00Z",
}  # fmt: skip
# Three rows a judgement, some of them longer than what is read back at a time.
LINES = [
    (number, b'{"judgement_id":%d,"row":%d,"text":"%s"}\n' % (number, row, b"x" * (300_000 if number == 7 else number)))
    for number in range(1, 200)
    for row in range(3)
]
EXPORT = b"".join(line for _, line in LINES)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        server.seen.append((self.command, self.path, dict(self.headers)))
        if "/export" in self.path:
            self.export(server)
        elif self.fails(server):
            return
        else:
            self.answer(200, {"email": "x@example.org"})

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        server.seen.append((self.command, self.path, body))
        if not self.fails(server):
            self.answer(200, {"judgement": JUDGEMENT} if "judgement" in self.path else {"results": [], "next": None})

    def fails(self, server: Any) -> bool:
        fault = server.faults.pop(0) if server.faults else None
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif isinstance(fault, int):
            self.answer(fault, {"error": {"code": "busy", "message": "Later."}})
        elif fault == "html":
            self.answer(502, None, raw=b"<h1>Bad gateway</h1>")
        return fault is not None

    def export(self, server: Any) -> None:
        query = parse_qs(urlsplit(self.path).query)
        after = int(query.get("after", ["0"])[0])
        rows = b"".join(line for judgement_id, line in LINES if judgement_id > after)
        self.send_response(200)
        self.send_header("Content-Length", str(len(rows)))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(rows[:cut])
        if cut is not None:
            self.close_connection = True

    def answer(self, status: int, body: Any, raw: bytes = b"") -> None:
        content = raw or json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


class Flaky(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Any] = []
        self.faults: list[Any] = []
        self.cuts: list[int] = []

    def handle_error(self, *args: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr("accord.http.FIRST_PAUSE_SECONDS", 0.03)


@pytest.fixture
def flaky() -> Iterator[Flaky]:
    server = Flaky()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(flaky) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{flaky.server_port}", "acc_x", patience_seconds=3) as made:
        yield made


def test_reading_is_tried_again_until_it_works(client, flaky):
    flaky.faults = ["drop", 503, "html"]
    assert client.me() == {"email": "x@example.org"}
    assert len(flaky.seen) == 4


def test_a_judgement_whose_answer_was_lost_is_sent_again_with_the_same_id(client, flaky):
    flaky.faults = ["drop", 502]
    client.judge(2, choice="a", strength=1)
    bodies = [body for _, _, body in flaky.seen]
    assert len(bodies) == 3
    assert len({body["client_id"] for body in bodies}) == 1


@pytest.mark.parametrize("fault", ["drop", 503])
def test_what_would_happen_twice_is_sent_once(client, flaky, fault):
    flaky.faults = [fault]
    with pytest.raises(AccordError):
        client.runs.start(1)
    assert len(flaky.seen) == 1


def test_a_refusal_is_not_tried_again(client, flaky):
    flaky.faults = [409]
    with pytest.raises(AccordError) as refused:
        client.me()
    assert (refused.value.code, refused.value.message, len(flaky.seen)) == ("busy", "Later.", 1)


def test_patience_ends_with_a_sentence(flaky):
    flaky.faults = ["drop"] * 100
    with (
        Client(f"http://127.0.0.1:{flaky.server_port}", "acc_x", patience_seconds=0.6) as client,
        pytest.raises(AccordError) as away,
    ):
        client.me()
    assert away.value.code == "unreachable"
    assert f"127.0.0.1:{flaky.server_port}" in away.value.message
    assert 3 <= len(flaky.seen) <= 8


def test_a_server_that_is_no_accord_is_called_so(client, flaky):
    flaky.faults = ["html"]
    with pytest.raises(AccordError, match="502: <h1>Bad gateway") as odd:
        client.runs.start(1)
    assert odd.value.code == "error"


def test_something_else_than_an_address_is_refused():
    with pytest.raises(AccordError, match="no address"):
        Client("localhost:8000", "acc_x")


@pytest.mark.parametrize("format", ["jsonl", "preference", "csv"])
@pytest.mark.parametrize(
    "cuts",
    [
        [1],  # nothing of use
        [60],  # within the first judgement
        [len(b"".join(line for number, line in LINES if number < 7)) + 310_000],  # within the long one
        [400_000, 1000, 0, 500_000, 0],
        [len(EXPORT) - 1],
        [sum(len(line) for number, line in LINES if number < 100)],  # exactly between two
    ],
)
def test_a_broken_download_goes_on_with_the_first_judgement_that_is_not_whole(client, flaky, tmp_path, cuts, format):
    flaky.cuts = list(cuts)
    path = client.export_file(1, tmp_path / "all.jsonl", format, progress=False)
    assert path.read_bytes() == EXPORT
    assert len(flaky.seen) == len(cuts) + 1
    went_on = ["after=" in address for _, address, _ in flaky.seen]
    assert went_on[0] is False
    if format == "csv" or cuts in ([1], [60]):
        assert not any(went_on)
    else:
        assert went_on[1]
    assert not (tmp_path / "all.jsonl.part").exists()


def test_a_download_of_later_judgements_alone_starts_there_again(client, flaky, tmp_path):
    flaky.cuts = [10, 2000]
    path = client.export_file(1, tmp_path / "late.jsonl", after=150, annotator=["Ann", "Bob"], progress=False)
    assert path.read_bytes() == b"".join(line for number, line in LINES if number > 150)
    starts = [parse_qs(urlsplit(address).query)["after"] for _, address, _ in flaky.seen]
    assert starts[:2] == [["150"], ["150"]]
    assert int(starts[2][0]) > 150
    assert parse_qs(urlsplit(flaky.seen[2][1]).query)["annotator"] == ["Ann", "Bob"]


@pytest.mark.parametrize(("format", "cuts"), [("jsonl", [1000] + [0] * 100), ("csv", [1000] * 100)])
def test_a_download_that_never_ends_is_given_up_and_leaves_no_file(flaky, tmp_path, format, cuts):
    flaky.cuts = cuts
    with (
        Client(f"http://127.0.0.1:{flaky.server_port}", "acc_x", patience_seconds=0.5) as client,
        pytest.raises(AccordError, match="unreachable"),
    ):
        client.export_file(1, tmp_path / "all.jsonl", format, progress=False)
    assert not (tmp_path / "all.jsonl").exists()
