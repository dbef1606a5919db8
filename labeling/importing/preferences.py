"""Rows of TRL preference files: `{"prompt"?, "chosen", "rejected"}`, as texts or as conversations.

The chosen answer is kept as a verdict from elsewhere: it is nobody's judgement here until somebody judges the pair.
"""

import itertools
import os
from typing import Any

from labeling.errors import BadContent
from labeling.importing.records import Record, Verdict, read_record

ANNOTATOR = "file"
_HUMAN, _ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


def is_preference(value: dict[str, Any]) -> bool:
    """Whether the row looks like one."""
    return "chosen" in value and "rejected" in value


def read_preference(value: dict[str, Any]) -> Record:
    """One row.

    Raises:
        BadContent
    """
    for key in ("chosen", "rejected"):
        if key not in value:
            raise BadContent(f'The key "{key}" is missing.')
        if not isinstance(value[key], str | list):
            raise BadContent(f'"{key}" must be text or a list of messages.')
    if isinstance(value["chosen"], str) != isinstance(value["rejected"], str):
        raise BadContent('"chosen" and "rejected" must both be text, or both lists of messages.')
    prompt = value.get("prompt")
    chosen, rejected = value["chosen"], value["rejected"]
    if isinstance(chosen, str) and chosen.startswith(_HUMAN):
        chosen, rejected = _turns(chosen), _turns(rejected)
    if isinstance(chosen, list):
        prompt, better, worse = _of_conversations(prompt, chosen, rejected)
    else:
        prompt, better, worse = _of_texts(prompt, chosen, rejected)
    known = {"prompt", "chosen", "rejected", "external_id", "metadata", "chosen_model", "rejected_model"}
    extra = {key: inner for key, inner in value.items() if key not in known and inner is not None}
    metadata = value.get("metadata")
    responses = [
        {"text": better, "model": value.get("chosen_model")},
        {"text": worse, "model": value.get("rejected_model")},
    ]
    return read_record(
        {
            "prompt": prompt,
            "responses": responses,
            "external_id": value.get("external_id"),
            "metadata": extra | metadata if isinstance(metadata, dict) else metadata or extra,
        },
        (Verdict("a", ANNOTATOR, ""),),
    )


def _of_conversations(prompt: Any, chosen: list[Any], rejected: list[Any]) -> tuple[Any, str, str]:
    if prompt is None:
        shared = sum(
            1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))
        )
        # Two equal conversations leave no answer apart: the last message is the answer, and refused as equal later.
        shared = min(shared, len(chosen) - 1, len(rejected) - 1)
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        if not prompt:
            raise BadContent('There is no "prompt", and "chosen" and "rejected" do not begin with the same messages.')
    else:
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        if isinstance(turns, list) and chosen[: len(turns)] == rejected[: len(turns)] == turns:
            chosen, rejected = chosen[len(turns) :], rejected[len(turns) :]
    return prompt, _answer(chosen, "chosen"), _answer(rejected, "rejected")


def _answer(messages: list[Any], which: str) -> str:
    if len(messages) != 1 or not isinstance(messages[0], dict) or messages[0].get("role") != "assistant":
        raise BadContent(f'"{which}" must end with one message of the assistant that answers the prompt.')
    return messages[0].get("content")  # type: ignore[return-value]


def _of_texts(prompt: Any, chosen: str, rejected: str) -> tuple[Any, str, str]:
    if prompt is not None:
        return prompt, chosen, rejected
    shared = len(os.path.commonprefix([chosen, rejected]))
    if shared < min(len(chosen), len(rejected)) or chosen != rejected:
        # Never within a word: what the two share of it belongs to the answers.
        while shared and not chosen[shared - 1].isspace():
            shared -= 1
    prompt, better, worse = chosen[:shared], chosen[shared:], rejected[shared:]
    if not prompt.strip():
        raise BadContent('There is no "prompt", and "chosen" and "rejected" do not begin with the same words.')
    return prompt.rstrip(), better, worse


def _turns(text: str) -> list[dict[str, str]]:
    """ "\\n\\nHuman: … \\n\\nAssistant: …" as messages."""
    messages: list[dict[str, str]] = []
    for part in text.split(_HUMAN)[1:]:
        said, *answers = part.split(_ASSISTANT)
        messages.append({"role": "user", "content": said.strip()})
        messages += ({"role": "assistant", "content": answer.strip()} for answer in answers)
    return messages
