"""What a kind of judgement says about its exports: `EXPORT` in its folder's export.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Column:
    """One value a judgement. In its SQL `j` is the judgement, `i` its item, `p` the prompt, and what `joins` adds."""

    name: str
    sql: str
    type: str = "text"  # text | int | number | bool | time | json | messages
    is_plain: bool = False  # a text in which JSON has nothing to escape


@dataclass(frozen=True)
class Training:
    """Rows for one of TRL's formats, any number of them a judgement.

    `parts` are SQL: of preferences better, worse and margin (0: nothing was said of it), of KTO text and label, of SFT
    text.
    """

    parts: Mapping[str, str]
    joins: str = ""
    where: str = "true"
    # Of the rows of one judgement; without it there is one alone.
    order: str = ""


class Parameters(Protocol):
    def __call__(self, design: Mapping[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class KindExport:
    """A kind's columns, and the formats that its judgements can be read as."""

    columns: tuple[Column, ...]
    joins: str = ""
    preference: Training | None = None
    kto: Training | None = None
    sft: Training | None = None
    # What two judgements of an item must have in common to agree; empty: they are not alike or unlike as a whole.
    vote: str = ""
    # Of the kind's part of the project's design: further parameters of its SQL.
    parameters: Parameters = field(default=lambda design: {})


def response_columns(name: str, alias: str, suffix: str = "") -> tuple[Column, ...]:
    """The text of a response, who gave it, and the names that are usual here."""
    return (
        Column(name, f"{alias}.text"),
        Column(f"model{suffix}", f"{alias}.model_name"),
        Column(f"version{suffix}", f"{alias}.version_id", "int"),
    )
