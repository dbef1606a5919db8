"""Requests: signed in by token, sent again where that is safe, refused as AccordError."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from accord.errors import AccordError, error_of

AWAY = frozenset({429, 502, 503, 504})
# The request was not sent: whatever it is, it may be sent again.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 8.0


class Http:
    """One server and one token. Safe to use from several threads."""

    def __init__(self, url: str, token: str, *, patience_seconds: float, timeout_seconds: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise AccordError(f"{url!r} is no address. Use one such as http://localhost:8000.", code="bad_address")
        self.url = url.rstrip("/")
        self.patience_seconds = patience_seconds
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "accord-python"}
        self._client = httpx.Client(headers=headers, timeout=timeout_seconds, follow_redirects=False)

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        idempotent: bool | None = None,
        **more: Any,
    ) -> Any:
        """The answer's JSON, None for an empty one.

        Args:
            path: below the server's address, such as "/api/v1/me"; or a whole address.
            idempotent: whether it may be sent again when the connection broke before the answer; None: for GET.

        Raises:
            AccordError: refused, or not answered within the patience.
        """
        repeat = method == "GET" if idempotent is None else idempotent
        address = path if path.startswith("http") else self.url + path
        for pause in self.pauses():
            try:
                answer = self._client.request(method, address, json=json, params=params, **more)
            except httpx.TransportError as problem:
                if pause is None or not (repeat or isinstance(problem, _NOT_SENT)):
                    raise unreachable(address, problem) from problem
            else:
                if answer.is_success:
                    return answer.json() if answer.content else None
                if pause is None or not repeat or answer.status_code not in AWAY:
                    raise error_of(answer)
                pause = max(pause, _retry_after(answer))
            time.sleep(pause)
        raise AssertionError("The last pause is None.")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """A successful answer whose body is still to be read.

        Raises:
            AccordError: refused, or the connection broke, also while the body is read.
        """
        address = self.url + path
        try:
            with self._client.stream(method, address, **options) as answer:
                if not answer.is_success:
                    answer.read()
                    raise error_of(answer)
                yield answer
        except httpx.TransportError as problem:
            raise unreachable(address, problem) from problem

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a list, page by page as they are wanted."""
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        while True:
            page = self.call("GET", path, params=wanted)
            yield from page["results"]
            if page["next"] is None:
                return
            wanted["before"] = page["next"]

    def pauses(self) -> Iterator[float | None]:
        """How long to wait before the next try; None when the patience is over."""
        began, pause = time.monotonic(), FIRST_PAUSE_SECONDS
        while time.monotonic() - began + pause < self.patience_seconds:
            yield pause * random.uniform(0.8, 1.2)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        yield None


def unreachable(address: str, problem: Exception) -> AccordError:
    host = httpx.URL(address).netloc.decode()
    why = str(problem) or type(problem).__name__
    return AccordError(f"{host} could not be reached, or left in the middle: {why}", code="unreachable")


def _retry_after(answer: httpx.Response) -> float:
    given = answer.headers.get("Retry-After", "")
    return min(float(given), 60.0) if given.isdecimal() else 0.0
