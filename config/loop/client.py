"""The little of an HTTP client that the loop needs: a token, JSON in and out, and patience with restarts."""

import time
from typing import Any

import httpx


class LoopError(Exception):
    """A stage of the loop did not do what it should; the sentence says which and what was answered."""


class Client:
    """Calls one server with one token; waits out restarts and gives up with a sentence."""

    def __init__(self, base: str, token: str, *, patience_seconds: float = 90) -> None:
        self.base = base.rstrip("/")
        self._http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=120)
        self._patience = patience_seconds

    def call(self, method: str, path: str, body: Any = None, *, accept: tuple[int, ...] = ()) -> httpx.Response:
        """One request. Sent again while the server is away or answers 5xx: every call of the loop may be sent twice.

        Raises:
            LoopError: any other answer than 2xx or one of `accept`.
        """
        deadline = time.monotonic() + self._patience
        while True:
            problem = ""
            try:
                answer = self._http.request(method, self.base + path, json=body)
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if answer.is_success or answer.status_code in accept:
                    return answer
                problem = f"{answer.status_code} {answer.text[:400]}"
                if answer.status_code < 500:
                    raise LoopError(f"{method} {path} was answered {problem}")
            if time.monotonic() > deadline:
                raise LoopError(f"{method} {path} was not answered in {self._patience:.0f} s: {problem}")
            time.sleep(0.5)

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.call("POST", path, body if body is not None else {})
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._http.close()
