"""What a prompt, a response and metadata may hold. Shared by the import, the API and the services."""

import math
from typing import Any

from labeling.errors import BadContent

ROLES = ("system", "user", "assistant")
MAX_METADATA_DEPTH = 20


def check_text(value: Any, what: str) -> str:
    """A text that PostgreSQL can store and UTF-8 can spell.

    Raises:
        BadContent: not a text, or one with a NUL character or half a surrogate pair.
    """
    if not isinstance(value, str):
        raise BadContent(f"{what} must be text in quotes, not {describe(value)}.")
    if "\x00" in value:
        raise BadContent(f"{what} holds a NUL character (\\u0000). Remove it.")
    if not value.isascii() and not _is_utf8(value):
        raise BadContent(f"{what} holds half of a surrogate pair (\\ud800 to \\udfff). Write the whole character.")
    return value


def _is_utf8(text: str) -> bool:
    # Half a surrogate pair is the one thing that has no UTF-8; writing it is quicker than looking for it.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_messages(value: Any) -> list[dict[str, str]]:
    """A conversation as `[{"role", "content"}, …]`; a text alone is one user turn.

    Raises:
        BadContent: with what is wrong and in which turn.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, list):
        raise BadContent(f'"prompt" must be text or a list of messages, not {describe(value)}.')
    if not value:
        raise BadContent('"prompt" is empty: it needs at least one user turn.')
    messages = [_check_message(message, number) for number, message in enumerate(value, start=1)]
    if messages[-1]["role"] != "user":
        raise BadContent("The conversation must end with a user turn: that is what the responses answer.")
    if any(message["role"] == "system" for message in messages[1:]):
        raise BadContent("A system message can only come first.")
    return messages


def _check_message(message: Any, number: int) -> dict[str, str]:
    where = f"Message {number} of the prompt"
    if not isinstance(message, dict) or set(message) != {"role", "content"}:
        raise BadContent(f'{where} must be an object with "role" and "content" and nothing else.')
    role = message["role"]
    if role not in ROLES:
        raise BadContent(f"{where} has the role {str(role)[:40]!r}. Use one of {', '.join(ROLES)}.")
    content = check_text(message["content"], f"The content of message {number}")
    # An assistant that said nothing is a real turn; a question that asks nothing is a mistake in the file.
    if role != "assistant" and (not content or content.isspace()):
        raise BadContent(f"{where} is empty.")
    return {"role": role, "content": content}


def check_metadata(value: Any) -> dict[str, Any]:
    """An object of JSON values that PostgreSQL can store.

    Raises:
        BadContent: not an object, nested too deeply, or with something in it that JSON or PostgreSQL cannot hold.
    """
    if not isinstance(value, dict):
        raise BadContent(f'"metadata" must be an object, not {describe(value)}.')
    check_json(value, '"metadata"')
    return value


def check_json(value: Any, what: str, depth: int = 0) -> None:
    """Refuse what jsonb cannot hold, and nesting that nobody needs."""
    if depth > MAX_METADATA_DEPTH:
        raise BadContent(f"{what} is nested more than {MAX_METADATA_DEPTH} levels deep.")
    if isinstance(value, str):
        check_text(value, f"A text in {what}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_text(key, f"A key in {what}")
            check_json(inner, what, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_json(inner, what, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadContent(f"{what} holds a number that JSON cannot write (NaN or infinite).")


def describe(value: Any) -> str:
    """What kind of JSON value it is, in words."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
