"""What the client does when the network fails: a real server that drops connections on purpose."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from accord import AccordError, Client

JUDGEMENT = {
    "id": 1, "assignment": 2, "client_id": str(uuid4()), "is_surplus": False, "created_at": "2026-11-21T10:00:00Z",
}  # fmt: skip
EXPORT = b"".join(b'{"judgement_id": %d}\n' % number for number in range(2000))


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
        start, status = 0, 200
        asked = self.headers.get("Range")
        if server.resumes and asked and self.headers.get("If-Range") == server.mark:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
        self.send_response(status)
        if server.resumes:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", server.mark)
        self.send_header("Content-Length", str(len(EXPORT) - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(EXPORT[start:cut])
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
        self.resumes, self.mark = False, '"one"'

    def handle_error(self, *args: Any) -> None:
        pass


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
    assert 2 <= len(flaky.seen) <= 4


def test_a_server_that_is_no_accord_is_called_so(client, flaky):
    flaky.faults = ["html"]
    with pytest.raises(AccordError, match="502: <h1>Bad gateway") as odd:
        client.runs.start(1)
    assert odd.value.code == "error"


def test_something_else_than_an_address_is_refused():
    with pytest.raises(AccordError, match="no address"):
        Client("localhost:8000", "acc_x")


def test_a_broken_download_goes_on_where_it_broke_off(client, flaky, tmp_path):
    flaky.resumes, flaky.cuts = True, [1000, 20_000]
    path = client.export_file(1, tmp_path / "all.jsonl", progress=False)
    assert path.read_bytes() == EXPORT
    asked = [headers.get("Range") for _, _, headers in flaky.seen]
    assert asked == [None, "bytes=1000-", "bytes=20000-"]
    assert not (tmp_path / "all.jsonl.part").exists()


def test_a_download_starts_again_where_the_server_cannot_go_on(client, flaky, tmp_path):
    flaky.cuts = [1000]
    path = client.export_file(1, tmp_path / "all.jsonl", progress=False)
    assert path.read_bytes() == EXPORT
    assert len(flaky.seen) == 2


def test_a_download_starts_again_when_it_is_another_export_now(client, flaky, tmp_path):
    flaky.resumes, flaky.cuts = True, [1000]

    def change(progress: Any) -> None:
        if progress.done >= 1000:
            flaky.mark = '"two"'

    path = client.export_file(1, tmp_path / "all.jsonl", progress=change)
    assert path.read_bytes() == EXPORT


def test_a_download_that_never_ends_is_given_up_and_leaves_no_file(flaky, tmp_path):
    flaky.cuts = [1000] * 100
    with (
        Client(f"http://127.0.0.1:{flaky.server_port}", "acc_x", patience_seconds=0.5) as client,
        pytest.raises(AccordError, match="unreachable"),
    ):
        client.export_file(1, tmp_path / "all.jsonl", progress=False)
    assert not (tmp_path / "all.jsonl").exists()
