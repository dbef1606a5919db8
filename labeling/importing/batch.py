"""A batch of records into the tables: ids drawn first, rows by COPY.

COPY knows no ON CONFLICT. What exists already is looked up before, and `content_lock` keeps others from adding the same
content meanwhile.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.timezone import now

from labeling.importing.records import Record
from labeling.models import Item, ItemKind, ItemResponse, Project, Prompt, Response, ResponseOrigin, SelectionPolicy
from labeling.services.items import response_key


@dataclass(slots=True)
class BatchWriter:
    """Writes records of one import into one project, and counts what came of them."""

    project: Project
    source: str
    make_items: bool
    created: int = 0
    duplicates: int = 0
    items_made: int = 0
    _draw: random.Random = field(default_factory=random.SystemRandom)

    def write(self, records: Sequence[Record]) -> None:
        """Store what is new in the records; a record counts as created when it brought a prompt or a response."""
        moment = now()
        prompt_ids = _existing_prompts(self.project.pk, {record.content_hash for record in records})
        response_ids = _existing_responses(prompt_ids.values())
        new_prompts: dict[str, Record] = {}
        for record in records:
            if record.content_hash not in prompt_ids:
                new_prompts.setdefault(record.content_hash, record)
        prompt_ids |= dict(zip(new_prompts, _draw_ids(Prompt, len(new_prompts)), strict=True))

        new_responses: dict[tuple[int, str], tuple[str, str]] = {}
        first_seen = set(new_prompts)
        for record in records:
            before = len(new_responses)
            prompt_id = prompt_ids[record.content_hash]
            for response in record.responses:
                key = (prompt_id, response.content_hash)
                if key not in response_ids:
                    new_responses.setdefault(key, (response.text, response.model_name))
            if record.content_hash in first_seen or len(new_responses) > before:
                first_seen.discard(record.content_hash)
                self.created += 1
            else:
                self.duplicates += 1
        response_ids |= dict(zip(new_responses, _draw_ids(Response, len(new_responses)), strict=True))

        _copy(
            Prompt,
            "id project_id messages content_hash external_id source metadata held_out created_at",
            (
                (
                    prompt_ids[content_hash], self.project.pk, _json(record.messages), content_hash,
                    record.external_id, self.source, _json(record.metadata),
                    self.project.holds_out(content_hash), moment,
                )
                for content_hash, record in new_prompts.items()
            ),
        )  # fmt: skip
        _copy(
            Response,
            "id prompt_id text content_hash origin model_name sampling created_at",
            (
                (response_ids[key], key[0], text, key[1], ResponseOrigin.IMPORT.value, model_name, "{}", moment)
                for key, (text, model_name) in new_responses.items()
            ),
        )
        if self.make_items:
            self._write_items(records, prompt_ids, response_ids, moment)

    def _write_items(
        self,
        records: Sequence[Record],
        prompt_ids: dict[str, int],
        response_ids: dict[tuple[int, str], int],
        moment: Any,
    ) -> None:
        pairs: dict[str, tuple[int, int, int]] = {}
        for record in records:
            if len(record.responses) < 2:
                continue
            prompt_id = prompt_ids[record.content_hash]
            first, second = (response_ids[prompt_id, response.content_hash] for response in record.responses[:2])
            pairs.setdefault(response_key([first, second]), (prompt_id, first, second))
        for known in _existing_items(self.project.pk, list(pairs)):
            del pairs[known]
        item_ids = _draw_ids(Item, len(pairs))
        is_random = self.project.selection_policy == SelectionPolicy.RANDOM
        overlap = self.project.overlap
        _copy(
            Item,
            "id project_id prompt_id kind response_key priority overlap open_slots reopened policy propensity "
            "created_at",
            (
                (
                    item_id, self.project.pk, prompt_id, ItemKind.COMPARISON.value, key,
                    self._draw.random() if is_random else 0.0, overlap, overlap, False,
                    self.project.selection_policy, 1.0, moment,
                )
                for item_id, (key, (prompt_id, _, _)) in zip(item_ids, pairs.items(), strict=True)
            ),
        )  # fmt: skip
        _copy(
            ItemResponse,
            "item_id response_id position",
            (
                (item_id, response_id, position)
                for item_id, (_, *responses) in zip(item_ids, pairs.values(), strict=True)
                for position, response_id in enumerate(responses)
            ),
        )
        self.items_made += len(pairs)


# Made once: json.dumps makes an encoder a call where the options are not the usual ones.
_json = json.JSONEncoder(ensure_ascii=False).encode


# Arrays as one parameter: Django's __in spends longer on two thousand of them than PostgreSQL on the answer.
def _existing_prompts(project_id: int, hashes: Iterable[str]) -> dict[str, int]:
    select = "SELECT content_hash, id FROM labeling_prompt WHERE project_id = %s AND content_hash = ANY(%s)"
    return dict(_fetch(select, [project_id, list(hashes)]))


def _existing_responses(prompt_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    wanted = list(prompt_ids)
    select = "SELECT prompt_id, content_hash, id FROM labeling_response WHERE prompt_id = ANY(%s)"
    rows = _fetch(select, [wanted]) if wanted else []
    return {(prompt_id, content_hash): pk for prompt_id, content_hash, pk in rows}


def _existing_items(project_id: int, keys: list[str]) -> list[str]:
    select = "SELECT response_key FROM labeling_item WHERE project_id = %s AND kind = %s AND response_key = ANY(%s)"
    return [key for (key,) in _fetch(select, [project_id, ItemKind.COMPARISON.value, keys])]


def _fetch(select: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(select, values)
        return list(cursor.fetchall())


def _draw_ids(model: Any, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _copy(model: Any, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(columns.split())
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
