"""What is there already, what must not go away meanwhile, and ids for what comes.

Many as one parameter, and texts as one text: Django's __in, and psycopg's array of texts, spend longer on two thousand
of them than PostgreSQL on the answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.errors import Conflict
from labeling.models import ItemKind

# The sequence is looked up once: it costs ten times what a number does. Numbers without a gap are told by their ends.
_DRAW = """
SELECT min(pk), CASE WHEN max(pk) - min(pk) + 1 > count(*) THEN array_agg(pk) END
FROM (SELECT nextval(sequence) AS pk
      FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) found, generate_series(1, %s)) drawn
"""


def draw_ids(model: type[Model], count: int) -> Sequence[int]:
    """So many ids that nobody else has, ascending."""
    if count <= 0:
        return ()
    ((first, with_gaps),) = _fetch(_DRAW, [model._meta.db_table, count])
    return with_gaps or range(first, first + count)


def existing_prompts(project_id: int, hashes: Iterable[str]) -> dict[str, int]:
    """The ids of those that are stored, by hash."""
    select = """SELECT content_hash, id FROM labeling_prompt
                WHERE project_id = %s AND content_hash = ANY(string_to_array(%s, ' '))"""
    return dict(_fetch(select, [project_id, " ".join(hashes)]))


def existing_responses(prompt_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    """The ids of all that these prompts have, by prompt and hash."""
    wanted = list(prompt_ids)
    select = "SELECT prompt_id, content_hash, id FROM labeling_response WHERE prompt_id = ANY(%s)"
    rows = _fetch(select, [wanted]) if wanted else []
    return {(prompt_id, content_hash): pk for prompt_id, content_hash, pk in rows}


def existing_pairs(project_id: int, keys: Iterable[str]) -> set[str]:
    """Those of the keys that an item of the project has."""
    select = """SELECT response_key FROM labeling_item
                WHERE project_id = %s AND kind = %s AND response_key = ANY(string_to_array(%s, ' '))"""
    return {key for (key,) in _fetch(select, [project_id, ItemKind.COMPARISON.value, " ".join(keys)])}


def hold(model: type[Model], ids: set[int]) -> None:
    """Keep the rows from being deleted until the transaction ends.

    Raises:
        Conflict: some are gone.
    """
    select = f"SELECT id FROM {model._meta.db_table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"  # noqa: S608
    if ids and len(_fetch(select, [sorted(ids)])) < len(ids):
        raise Conflict("Somebody deleted what this import adds to. Nothing was kept; import it again.")


def _fetch(select: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(select, values)
        return list(cursor.fetchall())
