"""Connections to engines, and what their failures mean."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from accounts.lazy_module import lazy_module
from models_registry.engine.endpoint import EngineEndpoint
from models_registry.errors import EngineTimeout, EngineUnavailable

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy_module("httpx")

CONNECT_SECONDS = 5.0
_async_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]" = WeakKeyDictionary()
_guard = threading.Lock()


@cache
def client() -> "httpx.Client":
    """The process's client: it may be used from many threads."""
    return httpx.Client(limits=_limits(), trust_env=False)


def async_client() -> "httpx.AsyncClient":
    """The event loop's client."""
    loop = asyncio.get_running_loop()
    with _guard:
        if loop not in _async_clients:
            _async_clients[loop] = httpx.AsyncClient(limits=_limits(), trust_env=False)
        return _async_clients[loop]


def _limits() -> "httpx.Limits":
    return httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=4)


def timeouts(seconds: float) -> "httpx.Timeout":
    """So long for each read; a connection is there quickly or not at all."""
    return httpx.Timeout(seconds, connect=CONNECT_SECONDS)


def headers(endpoint: EngineEndpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}


@contextmanager
def failures_translated(endpoint: EngineEndpoint, seconds: float) -> Iterator[None]:
    """Raises:
    EngineTimeout: it accepted the request and did not answer in time.
    EngineUnavailable: it could not be reached, or broke the connection.
    """
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise EngineUnavailable(
            f"The engine at {endpoint.base_url} cannot be reached. It may be starting; try again in a few seconds."
        ) from error
    except httpx.TimeoutException as error:
        raise EngineTimeout(
            f"The engine did not answer within {seconds:g} seconds. Ask for fewer tokens, or try later."
        ) from error
    except httpx.HTTPError as error:
        raise EngineUnavailable(
            f"The engine at {endpoint.base_url} broke off the connection. Try again in a few seconds."
        ) from error
