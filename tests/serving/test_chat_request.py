"""The body of a chat completion: what is taken, and what is refused by name."""

import pytest

from serving.chat_request import read_chat_request
from serving.errors import BadRequest

PLAIN = {"model": "kitchen-helper", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    "more",
    [
        {"logprobs": False, "top_logprobs": 0, "n": 1}, {"response_format": {"type": "text"}},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {"store": False, "metadata": {}},
        {"logit_bias": {}, "frequency_penalty": 0.0, "presence_penalty": 0, "service_tier": "auto"},
        {"modalities": ["text"], "stop": None, "seed": None},
    ],
)  # fmt: skip
def test_settings_that_ask_for_nothing_are_accepted_and_change_nothing(more):
    assert read_chat_request(PLAIN | more) == read_chat_request(PLAIN)


@pytest.mark.parametrize(
    "more",
    [
        {"logprobs": True}, {"tools": [{"type": "function"}]}, {"response_format": {"type": "json_object"}},
        {"store": True}, {"frequency_penalty": 0.5}, {"n": 2}, {"n": True}, {"logprobs": 0},
    ],
)  # fmt: skip
def test_settings_that_ask_for_something_else_are_refused_by_name(more):
    [name] = more
    with pytest.raises(BadRequest, match=f"`{name}`"):
        read_chat_request(PLAIN | more)


@pytest.mark.parametrize("messages", [[], None, "Hello", {}])
def test_messages_that_are_empty_or_no_list_are_called_messages(messages):
    with pytest.raises(BadRequest, match="`messages`.* such as"):
        read_chat_request(PLAIN | {"messages": messages})
