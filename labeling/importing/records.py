"""One line of an import: `{"external_id"?, "prompt", "responses"?, "metadata"?}`."""

import json
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple, NoReturn

from django.conf import settings

from labeling.content import check_messages, check_metadata, check_text, describe
from labeling.errors import BadContent
from labeling.hashing import hash_bytes, hash_turns

KEYS = frozenset({"external_id", "prompt", "responses", "metadata"})
RESPONSE_KEYS = frozenset({"text", "model"})
MAX_RESPONSES = 100
MAX_NAME = 200  # characters


def _refuse_constant(name: str) -> NoReturn:
    raise BadContent(f"{name} is not JSON. Write null or leave the key out.")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadContent(f"The number {text[:20]} is too large.")
    return value


decode_json = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


class ParsedResponse(NamedTuple):
    text: bytes  # UTF-8
    model_name: str
    content_hash: str


class Verdict(NamedTuple):
    """What somebody said elsewhere about the first two responses."""

    choice: str  # a | b | tie | both_bad
    annotator: str  # as the file names them; never stored as such
    said_at: str


class Record(NamedTuple):
    messages: bytes  # JSON
    content_hash: str
    responses: list[ParsedResponse]
    external_id: str
    metadata: dict[str, Any]
    verdicts: tuple[Verdict, ...] = ()


def parse_record(line: bytes) -> Record:
    """Read one line.

    Raises:
        BadContent: with the reason, in a sentence for whoever made the file.
    """
    return read_record(decode(line))


def read_record(raw: dict[str, Any], verdicts: tuple[Verdict, ...] = ()) -> Record:
    """Check what a line says.

    Raises:
        BadContent
    """
    if not raw.keys() <= KEYS:
        names = ", ".join(sorted(repr(key[:40]) for key in raw.keys() - KEYS)[:5])
        raise BadContent(f"Unknown keys: {names}. A line may have {', '.join(sorted(KEYS))}.")
    if "prompt" not in raw:
        raise BadContent('The key "prompt" is missing.')
    messages = check_messages(raw["prompt"])
    external_id = raw.get("external_id")
    external_id = "" if external_id is None else check_text(external_id, '"external_id"')
    if len(external_id) > MAX_NAME:
        raise BadContent(f'"external_id" is longer than {MAX_NAME} characters.')
    metadata = raw.get("metadata")
    return Record(
        *write_conversation([(turn["role"], turn["content"]) for turn in messages]),
        _parse_responses(raw.get("responses")),
        external_id,
        {} if metadata is None else check_metadata(metadata),
        verdicts,
    )


def write_conversation(turns: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """The JSON and the hash of roles and contents that can be stored."""
    quoted = [(role, encode_basestring(content)) for role, content in turns]
    written = ", ".join([f'{{"role": "{role}", "content": {content}}}' for role, content in quoted])
    return f"[{written}]".encode(), hash_turns(quoted)


def decode(line: bytes) -> dict[str, Any]:
    """The object that a line of JSON is.

    Raises:
        BadContent: it is none, or longer than allowed.
    """
    if len(line) > settings.IMPORT_MAX_LINE_BYTES:
        raise BadContent(f"The line is longer than {settings.IMPORT_MAX_LINE_BYTES:,} bytes.")
    try:
        value = decode_json(line.decode())
    except UnicodeDecodeError as error:
        raise BadContent(f"The line is not UTF-8 (byte {error.start + 1}).") from None
    except RecursionError:
        raise BadContent("The line is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise BadContent(f"The line is not JSON: {error.msg} at character {error.pos + 1}.") from None
    except ValueError:  # a whole number with more than 4,300 digits
        raise BadContent("The line holds a number with too many digits.") from None
    if not isinstance(value, dict):
        raise BadContent(f"The line must be an object, not {describe(value)}.")
    return value


def _parse_responses(value: Any) -> list[ParsedResponse]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadContent(f'"responses" must be a list, not {describe(value)}.')
    if len(value) > MAX_RESPONSES:
        raise BadContent(f'"responses" has more than {MAX_RESPONSES} entries.')
    responses = [_parse_response(response, number) for number, response in enumerate(value, start=1)]
    if not are_different(responses):
        raise BadContent("Two responses have the same text: there is nothing to compare. Keep one of them.")
    return responses


def are_different(responses: Sequence[ParsedResponse]) -> bool:
    """Whether no two have the same text."""
    return len({response.content_hash for response in responses}) == len(responses)


def _parse_response(value: Any, number: int) -> ParsedResponse:
    if not isinstance(value, dict) or "text" not in value:
        raise BadContent(f'Response {number} must be an object with "text" and, if known, "model".')
    if not value.keys() <= RESPONSE_KEYS:
        names = ", ".join(sorted(repr(key[:40]) for key in value.keys() - RESPONSE_KEYS)[:5])
        raise BadContent(f'Response {number} has unknown keys: {names}. It may have "text" and "model".')
    # An empty answer is a real one: some models give it, and a person can judge it.
    text = check_text(value["text"], f"The text of response {number}")
    model = value.get("model")
    model_name = "" if model is None else check_text(model, f"The model of response {number}")
    if len(model_name) > MAX_NAME:
        raise BadContent(f"The model of response {number} is longer than {MAX_NAME} characters.")
    return make_response(text, model_name)


def make_response(text: str, model_name: str) -> ParsedResponse:
    """A response whose text and name can be stored."""
    stored = text.encode()
    return ParsedResponse(stored, model_name, hash_bytes(stored))
