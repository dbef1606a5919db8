import pytest

from tests.receiver import Receiver, receiver  # noqa: F401
from webhooks import enqueue
from webhooks.kinds import EventKind
from webhooks.models import Webhook
from webhooks.services import create_webhook


@pytest.fixture(autouse=True)
def _hints_are_not_throttled(monkeypatch):
    monkeypatch.setattr(enqueue, "_last_hint", float("-inf"))


@pytest.fixture
def webhook(alice, receiver: Receiver) -> Webhook:  # noqa: F811
    """Alice's, told of everything."""
    made, _ = create_webhook(by=alice, name="Warehouse", url=f"{receiver.url}/hook?x=1", events=list(EventKind))
    return made
