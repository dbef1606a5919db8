from collections.abc import Callable, Iterator

import pytest

from accord import Client
from accounts.models import Membership
from accounts.tokens import create_token
from tests.engine_fixture import engine, engine_url, tiny_base  # noqa: F401
from tests.gateway_fixture import gateway, gateway_files, gateway_url  # noqa: F401
from tests.serving.conftest import production  # noqa: F401
from tests.web_fixture import web_files, web_url  # noqa: F401


@pytest.fixture
def connect(web_url: str) -> Iterator[Callable[..., Client]]:  # noqa: F811
    """`connect(alice)`: a client with a token of hers."""
    clients: list[Client] = []

    def make(member: Membership, **options: object) -> Client:
        client = Client(web_url, create_token(by=member, name="client")[1], **options)  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


ROWS = [
    {
        "prompt": f"How long does egg {number} take?",
        "external_id": str(number),
        "responses": [{"text": f"Three minutes, {number}.", "model": "m1"}, {"text": "Ask a hen.", "model": "m2"}],
    }
    for number in range(6)
]
