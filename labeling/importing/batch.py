"""A batch of records into the tables: ids drawn first, rows by COPY while the next batch is worked out.

COPY knows no ON CONFLICT. What exists already is looked up before, and `content_lock` keeps others from adding the same
content meanwhile.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import connection
from django.db.models import Model
from django.utils.timezone import now

from accounts.errors import Conflict
from labeling.importing.copying import Sender, TableRows, cell, json_of, json_text, table_rows
from labeling.importing.records import Record
from labeling.importing.verdicts import keep_verdicts
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
from labeling.services.items import draw_overlap, response_key

_TABLES = [model._meta.db_table for model in (Prompt, Response, Item, ItemResponse)]
_ORIGIN = ResponseOrigin.IMPORT.value
_PROMPT_COLUMNS = "id project_id messages content_hash external_id source metadata held_out created_at"
_RESPONSE_COLUMNS = "id prompt_id text content_hash origin model_name sampling created_at"
_ITEM_COLUMNS = (
    "id project_id prompt_id kind response_key priority overlap open_slots reopened policy propensity created_at"
)

# The sequence is looked up once: it costs ten times what a number does.
_DRAW = """
SELECT nextval(sequence) FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) found,
                              generate_series(1, %s)
"""


@dataclass(slots=True)
class BatchWriter:
    """Writes records of one import into one project, and counts what came of them."""

    project: Project
    source: str
    make_items: bool
    created: int = 0
    duplicates: int = 0
    items_made: int = 0
    verdicts: int = 0
    _draw: random.Random = field(default_factory=random.SystemRandom)
    _sender: Sender = field(default_factory=lambda: Sender(_TABLES))
    # Made, and not yet on their way.
    _coming: list[TableRows] = field(default_factory=list)
    _coming_hashes: set[str] = field(default_factory=set)
    _ids: dict[type[Model], list[int]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self._sender.close()

    def write(self, records: Sequence[Record]) -> None:
        """Store what is new in the records; a record counts as created when it brought a prompt or a response.

        Their rows are sent while the next ones are made: the last are there when the block around the writer ends.
        """
        hashes = {record.content_hash for record in records}
        if not hashes.isdisjoint(self._coming_hashes):
            # What the last batch adds to the same prompts must be found.
            self._settle()
        self._sender.wait()
        prompt_ids = _existing_prompts(self.project.pk, hashes)
        response_ids = _existing_responses(prompt_ids.values())
        self._stock(Prompt, len(hashes) - len(prompt_ids))
        self._stock(Response, sum(len(record.responses) for record in records))
        self._stock(Item, len(records) if self.make_items else 0)
        _hold(Project, {self.project.pk})
        self._send_coming()

        known_prompts, known_responses = set(prompt_ids.values()), set(response_ids.values())
        new_prompts: dict[str, Record] = {}
        for record in records:
            if record.content_hash not in prompt_ids:
                new_prompts.setdefault(record.content_hash, record)
        prompt_ids |= zip(new_prompts, self._take(Prompt, len(new_prompts)), strict=True)
        new_responses = self._count(records, prompt_ids, response_ids, set(new_prompts))
        response_ids |= zip(new_responses, self._take(Response, len(new_responses)), strict=True)
        pairs = self._new_pairs(records, prompt_ids, response_ids, known_responses) if self.make_items else {}

        referred = {prompt_id for prompt_id, _ in new_responses} | {prompt_id for prompt_id, _, _ in pairs.values()}
        self._hold(Prompt, referred & known_prompts)
        self._hold(Response, {pk for _, *pair in pairs.values() for pk in pair} & known_responses)
        self._coming = self._rows(new_prompts, prompt_ids, new_responses, response_ids, pairs)
        self._coming_hashes = hashes
        if any(record.verdicts for record in records):
            self._settle()
            self.verdicts += keep_verdicts(self.project.pk, self.source, records, prompt_ids, response_ids)

    def _settle(self) -> None:
        """Until everything is there."""
        self._sender.wait()
        self._send_coming()
        self._sender.wait()

    def _send_coming(self) -> None:
        self._sender.start(self._coming)
        self._coming, self._coming_hashes = [], set()

    def _stock(self, model: type[Model], count: int) -> None:
        """Have so many ids at least, before the connection is busy."""
        stock = self._ids.setdefault(model, [])
        stock += _draw_ids(model, count - len(stock))

    def _take(self, model: type[Model], count: int) -> list[int]:
        stock = self._ids[model]
        taken, self._ids[model] = stock[:count], stock[count:]
        return taken

    def _hold(self, model: type[Model], ids: set[int]) -> None:
        if ids:
            self._sender.wait()
            _hold(model, ids)

    def _count(
        self,
        records: Sequence[Record],
        prompt_ids: dict[str, int],
        response_ids: dict[tuple[int, str], int],
        first_seen: set[str],
    ) -> dict[tuple[int, str], tuple[str, str]]:
        """The responses that are not there yet, while each record is counted as new or as a duplicate."""
        new: dict[tuple[int, str], tuple[str, str]] = {}
        for content_hash, responses in ((record.content_hash, record.responses) for record in records):
            before = len(new)
            prompt_id = prompt_ids[content_hash]
            for text, model_name, response_hash in responses:
                key = (prompt_id, response_hash)
                if key not in response_ids and key not in new:
                    new[key] = (text, model_name)
            if len(new) > before or content_hash in first_seen:
                first_seen.discard(content_hash)
                self.created += 1
            else:
                self.duplicates += 1
        return new

    def _new_pairs(
        self,
        records: Sequence[Record],
        prompt_ids: dict[str, int],
        response_ids: dict[tuple[int, str], int],
        known_responses: set[int],
    ) -> dict[str, tuple[int, int, int]]:
        pairs: dict[str, tuple[int, int, int]] = {}
        for record in records:
            if len(record.responses) < 2:
                continue
            prompt_id = prompt_ids[record.content_hash]
            first, second = (response_ids[prompt_id, response.content_hash] for response in record.responses[:2])
            pairs.setdefault(response_key((first, second)), (prompt_id, first, second))
        # An item of a response that is new cannot be there yet.
        may_be_known = [key for key, (_, *pair) in pairs.items() if known_responses.issuperset(pair)]
        if may_be_known:
            self._sender.wait()
            for known in _existing_items(self.project.pk, may_be_known):
                del pairs[known]
        return pairs

    def _rows(
        self,
        new_prompts: dict[str, Record],
        prompt_ids: dict[str, int],
        new_responses: dict[tuple[int, str], tuple[str, str]],
        response_ids: dict[tuple[int, str], int],
        pairs: dict[str, tuple[int, int, int]],
    ) -> list[TableRows]:
        moment, project, source = now().isoformat(), self.project, cell(self.source)
        prompts = table_rows(
            Prompt._meta.db_table,
            _PROMPT_COLUMNS,
            (
                f"{prompt_ids[content_hash]}\t{project.pk}\t{cell(_messages_json(record.messages))}\t{content_hash}\t"
                f"{cell(record.external_id)}\t{source}\t{cell(json_of(record.metadata))}\t"
                f"{'t' if project.holds_out(content_hash) else 'f'}\t{moment}"
                for content_hash, record in new_prompts.items()
            ),
        )
        responses = table_rows(
            Response._meta.db_table,
            _RESPONSE_COLUMNS,
            (
                f"{response_ids[key]}\t{key[0]}\t{cell(text)}\t{key[1]}\t{_ORIGIN}\t{cell(model_name)}\t{{}}\t{moment}"
                for key, (text, model_name) in new_responses.items()
            ),
        )
        item_ids = self._take(Item, len(pairs)) if pairs else []
        policy = project.selection_policy
        if policy in ACTIVE_POLICIES:
            policy = SelectionPolicy.RANDOM  # until the reward model has seen them
        is_random = policy == SelectionPolicy.RANDOM
        rest = f"f\t{cell(policy)}\t1\t{moment}"
        plain = f"{project.overlap}\t{project.overlap}\t{rest}"

        def slots() -> str:
            if not project.extra_overlap_percent:
                return plain
            overlap = draw_overlap(project)
            return f"{overlap}\t{overlap}\t{rest}"

        items = table_rows(
            Item._meta.db_table,
            _ITEM_COLUMNS,
            (
                f"{item_id}\t{project.pk}\t{prompt_id}\t{ItemKind.COMPARISON.value}\t{key}\t"
                f"{self._draw.random() if is_random else 0}\t{slots()}"
                for item_id, (key, (prompt_id, _, _)) in zip(item_ids, pairs.items(), strict=True)
            ),
        )
        places = table_rows(
            ItemResponse._meta.db_table,
            "item_id response_id position",
            (
                f"{item_id}\t{first}\t0\n{item_id}\t{second}\t1"
                for item_id, (_, first, second) in zip(item_ids, pairs.values(), strict=True)
            ),
        )
        self.items_made += len(pairs)
        return [prompts, responses, items, places]


def _messages_json(messages: Sequence[dict[str, str]]) -> str:
    turns = (f'{{"role": "{turn["role"]}", "content": {json_text(turn["content"])}}}' for turn in messages)
    return f"[{', '.join(turns)}]"


# Many as one parameter, and texts as one text: Django's __in, and psycopg's array of texts, spend longer on two
# thousand of them than PostgreSQL on the answer.
def _existing_prompts(project_id: int, hashes: Iterable[str]) -> dict[str, int]:
    select = """SELECT content_hash, id FROM labeling_prompt
                WHERE project_id = %s AND content_hash = ANY(string_to_array(%s, ' '))"""
    return dict(_fetch(select, [project_id, " ".join(hashes)]))


def _existing_responses(prompt_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    wanted = list(prompt_ids)
    select = "SELECT prompt_id, content_hash, id FROM labeling_response WHERE prompt_id = ANY(%s)"
    rows = _fetch(select, [wanted]) if wanted else []
    return {(prompt_id, content_hash): pk for prompt_id, content_hash, pk in rows}


def _existing_items(project_id: int, keys: list[str]) -> list[str]:
    if not keys:
        return []
    select = """SELECT response_key FROM labeling_item
                WHERE project_id = %s AND kind = %s AND response_key = ANY(string_to_array(%s, ' '))"""
    return [key for (key,) in _fetch(select, [project_id, ItemKind.COMPARISON.value, " ".join(keys)])]


def _hold(model: type[Model], ids: set[int]) -> None:
    """Keep the rows from being deleted until the transaction ends."""
    if not ids:
        return
    select = f"SELECT id FROM {model._meta.db_table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"  # noqa: S608
    if len(_fetch(select, [sorted(ids)])) < len(ids):
        raise Conflict("Somebody deleted what this import adds to. Nothing was kept; import it again.")


def _fetch(select: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(select, values)
        return list(cursor.fetchall())


def _draw_ids(model: type[Model], count: int) -> list[int]:
    if count <= 0:
        return []
    return [pk for (pk,) in _fetch(_DRAW, [model._meta.db_table, count])]
