"""Rows in COPY's binary form: the number of cells, then each as its length and its bytes, big-endian.

Nothing has to be escaped here or read there: that is a tenth of what PostgreSQL does for a row, and more than half of
what is done here. A cell has its column's type to the byte, or the row is refused. Cells of a fixed size come first,
packed at once, and last those that are the same in all rows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from json import JSONEncoder
from struct import Struct

from django.utils.timezone import now

from labeling.hashing import is_held_out
from labeling.importing.copying import TableRows
from labeling.importing.records import ParsedResponse, Record
from labeling.models import (
    ACTIVE_POLICIES,
    Item,
    ItemKind,
    ItemResponse,
    Project,
    Prompt,
    Response,
    ResponseOrigin,
    SelectionPolicy,
)
from labeling.services.item_filling import draw_overlap
from labeling.services.items import draw_priority

TABLES = [model._meta.db_table for model in (Prompt, Response, Item, ItemResponse)]
_COLUMNS = (
    "id content_hash held_out messages external_id metadata project_id source created_at",
    "id prompt_id content_hash text model_name origin sampling created_at",
    "id prompt_id priority overlap open_slots response_key project_id kind reopened policy propensity created_at",
    "item_id response_id position",
)
_STATEMENTS = [
    f"COPY {table} ({', '.join(columns.split())}) FROM STDIN (FORMAT binary)"
    for table, columns in zip(TABLES, _COLUMNS, strict=True)
]
_pack_prompt = Struct(">hiqi64si?i").pack
_pack_response = Struct(">hiqiqi64si").pack
_pack_item = Struct(">hiqiqidihihi").pack
_pack_places = Struct(">hiqiqihhiqiqih").pack

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_BLOCK_PARTS = 600
# Made once: json.dumps makes an encoder a call where the options are not the usual ones.
_encode = JSONEncoder(ensure_ascii=False).encode


def _cell(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


_NO_TEXT = _cell(b"")
_NO_KEYS = _cell(b"\x01{}")  # jsonb has a version before its text


class Packer:
    """Packs the rows of one batch."""

    def __init__(self, project: Project, source: str) -> None:
        self._project = project
        self._parts: tuple[list[bytes], ...] = ([], [], [], [])
        policy = project.selection_policy
        # Until the reward model has seen them.
        self._policy = SelectionPolicy.RANDOM if policy in ACTIVE_POLICIES else policy
        project_id = _cell(project.pk.to_bytes(8, "big"))
        moment = _cell(((now() - _EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big"))
        propensity = _cell(Struct(">d").pack(1))
        self._prompts_alike = project_id + _cell(source.encode()) + moment
        self._responses_alike = _cell(ResponseOrigin.IMPORT.encode()) + _NO_KEYS + moment
        self._items_alike = (
            project_id + _cell(ItemKind.COMPARISON.encode()) + _cell(b"\0") + _cell(self._policy.encode())
            + propensity + moment
        )  # fmt: skip

    def add_prompt(self, pk: int, record: Record) -> None:
        """The row of a record's prompt."""
        content_hash, messages = record.content_hash, record.messages
        held_out = is_held_out(content_hash, self._project.held_out_percent)
        self._parts[0].extend((
            _pack_prompt(9, 8, pk, 64, content_hash.encode(), 1, held_out, len(messages) + 1),
            b"\x01",
            messages,
            _cell(record.external_id.encode()) if record.external_id else _NO_TEXT,
            _cell(b"\x01" + _encode(record.metadata).encode()) if record.metadata else _NO_KEYS,
            self._prompts_alike,
        ))  # fmt: skip

    def add_response(self, pk: int, prompt_id: int, response: ParsedResponse) -> None:
        """The row of a response."""
        text, model_name, content_hash = response
        self._parts[1].extend((
            _pack_response(8, 8, pk, 8, prompt_id, 64, content_hash.encode(), len(text)),
            text,
            _cell(model_name.encode()) if model_name else _NO_TEXT,
            self._responses_alike,
        ))  # fmt: skip

    def add_pair(self, pk: int, prompt_id: int, key: str, first: int, second: int) -> None:
        """The rows of an item and its two places."""
        priority, overlap = draw_priority(self._policy), draw_overlap(self._project)
        self._parts[2].extend((
            _pack_item(12, 8, pk, 8, prompt_id, 8, priority, 2, overlap, 2, overlap, len(key)),
            key.encode(),
            self._items_alike,
        ))  # fmt: skip
        self._parts[3].append(_pack_places(3, 8, pk, 8, first, 2, 0, 3, 8, pk, 8, second, 2, 1))

    def finish(self) -> list[TableRows]:
        """The rows of each table, in an order in which none refers to a later one."""
        return [
            TableRows(statement, list(_blocks(parts)))
            for statement, parts in zip(_STATEMENTS, self._parts, strict=True)
            if parts
        ]


def _blocks(parts: list[bytes]) -> Iterator[bytes]:
    parts[0] = _HEADER + parts[0]
    parts.append(_END)
    for start in range(0, len(parts), _BLOCK_PARTS):
        yield b"".join(parts[start : start + _BLOCK_PARTS])
