"""Feedback goes to the endpoint: a real gateway in front of a real engine."""

import httpx
import pytest

from accord import AccordError
from accounts.tokens import create_token
from serving.models import Feedback

pytestmark = pytest.mark.django_db(transaction=True)


def test_thumbs_and_edits_reach_the_answer_they_are_about(connect, alice, project, gateway, production):
    token = create_token(by=alice, name="app")[1]
    answer = httpx.post(
        f"{gateway}/chat/completions",
        headers={"Authorization": f"Bearer {token}"},
        json={"model": project.slug, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]},
        timeout=60,
    )
    completion = answer.json()["id"]
    client = connect(alice, gateway=gateway)
    assert client.feedback(completion, thumb="down", comment="No.")["signal"] == "thumb_down"
    assert client.feedback(completion, edited_text="Hello, too.")["signal"] == "edit"
    assert Feedback.objects.count() == 2
    with pytest.raises(AccordError) as refused:
        client.feedback(completion)
    assert refused.value.status == 400
    assert "thumb" in refused.value.message
