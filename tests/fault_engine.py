"""An engine that misbehaves on purpose: the model's name says how. A real HTTP server, so that real sockets fail."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

GOOD = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


def chunk(text: str = "", finish: str | None = None) -> str:
    return "data: " + json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": finish}]}) + "\n\n"


class Faults(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body | {"authorization": self.headers.get("Authorization")})  # type: ignore[attr-defined]
        getattr(self, body["model"].replace("-", "_"))(body)

    def answer(self, status: int, content: str, kind: str = "application/json") -> None:
        raw = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def good(self, body) -> None:
        if body.get("stream"):
            self.events(chunk("fi"), chunk("ne"), chunk("", "stop"), "data: [DONE]\n\n")
        else:
            self.answer(200, json.dumps(GOOD | {"choices": GOOD["choices"] * body.get("n", 1)}))

    def error_500(self, body) -> None:
        self.answer(500, "Internal Server Error", "text/plain")

    def refuses(self, body) -> None:
        self.answer(422, '{"detail": "Unexpected fields"}')

    def too_long(self, body) -> None:
        error = {"message": "9000 tokens exceed 4096.", "code": "context_length_exceeded"}
        self.answer(400, json.dumps({"error": error}))

    def one_at_a_time(self, body) -> None:
        self.answer(200, json.dumps(GOOD))

    def not_json(self, body) -> None:
        if body.get("stream"):
            self.events("data: <html>\n\n")
        else:
            self.answer(200, "<html>hello</html>", "text/html")

    def no_choices(self, body) -> None:
        if body.get("stream"):
            self.events('data: {"hello": 1}\n\n')
        else:
            self.answer(200, '{"hello": 1}')

    def no_text(self, body) -> None:
        self.answer(200, '{"choices": [{"message": {"content": null}}]}')

    def nul(self, body) -> None:
        self.answer(200, json.dumps({"choices": [{"message": {"content": "a\x00b\ud800"}}]}))

    def slow(self, body) -> None:
        time.sleep(1.5)
        self.answer(200, json.dumps(GOOD))

    def hangs_up(self, body) -> None:
        self.close_connection = True
        self.connection.close()

    def breaks_off(self, body) -> None:
        self.events(chunk("half an"))

    def error_in_stream(self, body) -> None:
        self.events(chunk("half an"), 'data: {"error": "out of memory"}\n\n')

    def trickles(self, body) -> None:
        self.events(*[chunk(f"word{number} ") for number in range(100)], chunk("", "stop"), pause=0.05)

    def events(self, *parts: str, pause: float = 0.0) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for part in parts:
            try:
                self.wfile.write(part.encode())
                self.wfile.flush()
            except OSError:  # the client left
                self.server.left += 1  # type: ignore[attr-defined]
                return
            time.sleep(pause)

    def log_message(self, *args) -> None:
        pass


class FaultEngine(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Faults)
        self.bodies: list[dict] = []
        self.left = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *args) -> None:
        pass


@pytest.fixture
def fault_engine(settings) -> Iterator[FaultEngine]:
    """Configured as this test's engine, an external one."""
    server = FaultEngine()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    settings.ENGINE_URL = server.url
    settings.ENGINE_EMBEDDED = False
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
