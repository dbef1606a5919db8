"""A receiver of webhooks: a real HTTP server that answers as it is told and keeps what it got."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: bytes
    client_port: int

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: apart they wait for each other's acknowledgement, 40 ms a call.
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        server.calls.append(Call(self.path, dict(self.headers), body, self.client_address[1]))
        status = server.answers.pop(0) if server.answers else server.usual
        if status == "hang up":
            self.close_connection = True
            self.connection.close()
            return
        if status == "drip":
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                time.sleep(0.05)
                try:
                    self.connection.sendall(b"X-More: yes\r\n")
                except OSError:
                    return
            return
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{server.url}/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: Any) -> None:
        pass


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[Call] = []
        # What the next calls are answered, then what all others are.
        self.answers: list[Any] = []
        self.usual: Any = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """Listens on this machine, and this machine is allowed."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
