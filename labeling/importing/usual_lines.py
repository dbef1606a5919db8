"""Lines of the usual shape in half the time: msgspec reads them straight into what they should hold.

It may turn away too much, since the rest goes the long way, which knows the reasons. What it takes it must take as the
long way does.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from labeling.content import check_metadata
from labeling.errors import BadContent
from labeling.importing.records import (
    MAX_NAME,
    MAX_RESPONSES,
    Record,
    are_different,
    decode_json,
    make_response,
    write_conversation,
)

_Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class _Turn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "user", "assistant"]
    content: str


class _Response(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str
    model: _Name | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    prompt: str | list[_Turn]
    responses: Annotated[list[_Response], msgspec.Meta(max_length=MAX_RESPONSES)] | None = None
    external_id: _Name | None = None
    # Left to the other parser: what a number may be is its business.
    metadata: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Line).decode


def read_usual_line(line: bytes) -> Record | None:
    """The record of a line; None where it takes a closer look."""
    # All other characters that cannot be stored msgspec refuses itself.
    if b"\\u0000" in line:
        return None
    try:
        said = _decode(line)
        metadata = decode_json(bytes(said.metadata).decode()) if said.metadata else None
        metadata = {} if metadata is None else check_metadata(metadata)
    except (ValueError, RecursionError, BadContent):
        return None
    prompt = said.prompt
    turns = [("user", prompt)] if isinstance(prompt, str) else [(turn.role, turn.content) for turn in prompt]
    responses = [make_response(each.text, each.model or "") for each in said.responses or ()]
    if not _is_conversation(turns) or not are_different(responses):
        return None
    return Record(*write_conversation(turns), responses, said.external_id or "", metadata)


def _is_conversation(turns: Sequence[tuple[str, str]]) -> bool:
    for place, (role, content) in enumerate(turns):
        if (role == "system" and place) or (role != "assistant" and (not content or content.isspace())):
            return False
    return bool(turns) and turns[-1][0] == "user"
