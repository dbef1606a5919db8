"""The identity of content: the same prompt and the same answer are stored once."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from json.encoder import encode_basestring

_BUCKETS = 10_000


def hash_prompt(messages: Sequence[dict[str, str]]) -> str:
    """SHA-256 (hex) of the conversation: roles and contents in their order as compact JSON, and nothing else."""
    return hash_turns([(each["role"], encode_basestring(each["content"])) for each in messages])


def hash_turns(turns: Iterable[tuple[str, str]]) -> str:
    """The same of roles, which need no escaping, and contents that are JSON already, in quotes."""
    # As json.dumps would write it, without the encoder that it makes a call.
    written = ",".join([f'["{role}",{content}]' for role, content in turns])
    return hash_text(f"[{written}]")


def hash_text(text: str) -> str:
    """SHA-256 (hex) of the text in UTF-8, to the last space."""
    return hash_bytes(text.encode())


def hash_bytes(text: bytes) -> str:
    """The same of a text in UTF-8."""
    return sha256(text).hexdigest()


def is_held_out(content_hash: str, percent: int) -> bool:
    """Whether a prompt belongs to the held-out part: by its hash alone, so that the same one always does."""
    return int(content_hash[:15], 16) % _BUCKETS < percent * _BUCKETS // 100
