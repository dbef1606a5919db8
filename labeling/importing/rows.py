"""One row of an import: what became of it, or why it cannot be taken."""

from typing import Any, NamedTuple

from labeling.importing.records import Record

EXCERPT = 2_000  # characters of a rejected row that are kept for whoever corrects it


class Raw(NamedTuple):
    """A row as the file has it: an object, or the reason why it is none, or neither: a line that is to be decoded."""

    number: int  # of its first line; of the row where the file has no lines
    size: int  # bytes, for the size of a batch
    value: dict[str, Any] | None
    reason: str
    text: bytes


class Row(NamedTuple):
    """A row as it is stored, or rejected with a reason."""

    number: int
    size: int
    record: Record | None
    reason: str
    excerpt: str


def excerpt_of(text: bytes) -> str:
    """The beginning of the row, whatever its bytes are."""
    return text[: EXCERPT * 4].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")[:EXCERPT]
