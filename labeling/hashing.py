"""The identity of content: the same prompt and the same answer are stored once."""

import hashlib
from collections.abc import Sequence
from json.encoder import encode_basestring

_BUCKETS = 10_000


def hash_prompt(messages: Sequence[dict[str, str]]) -> str:
    """SHA-256 (hex) of the conversation: roles and contents in their order as compact JSON, and nothing else."""
    quote = encode_basestring
    # As json.dumps would write it, without the encoder that it makes a call.
    turns = ",".join(f"[{quote(message['role'])},{quote(message['content'])}]" for message in messages)
    return hash_text(f"[{turns}]")


def hash_text(text: str) -> str:
    """SHA-256 (hex) of the text in UTF-8, to the last space."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_held_out(content_hash: str, percent: int) -> bool:
    """Whether a prompt belongs to the held-out part: by its hash alone, so that the same one always does."""
    return int(content_hash[:15], 16) % _BUCKETS < percent * _BUCKETS // 100
