"""Filling prompts up to what rules want, some thousand at a time: what a policy chose goes into the tables by COPY."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils.timezone import now

from labeling.importing.copying import TableRows, cell, references_checked_by_caller, send_rows, table_rows
from labeling.importing.lookups import draw_ids
from labeling.models import Item, ItemResponse, Project
from labeling.selection import Place, policies
from labeling.services.content_lock import lock_content
from labeling.services.item_candidates import Page, PromptAnswers, candidates_of, known_keys, read_page
from labeling.services.item_rules import ItemRules, response_key
from labeling.services.queue import restart_queue

_TABLES = [Item._meta.db_table, ItemResponse._meta.db_table]
_ITEM_COLUMNS = """id project_id prompt_id kind response_key priority overlap open_slots reopened policy propensity
                   requires created_at"""
# With what the page holds already, everything that the new rows refer to.
_HOLD = """
WITH project AS MATERIALIZED (SELECT id FROM labeling_project WHERE id = %s FOR KEY SHARE),
     prompts AS MATERIALIZED (SELECT id FROM labeling_prompt WHERE id = ANY(%s) FOR KEY SHARE)
SELECT (SELECT count(*) FROM project) + (SELECT count(*) FROM prompts)
"""


@transaction.atomic
def fill_items(project: Project, wanted: ItemRules) -> int:
    """Fill up each prompt to what the rules want, all of it or nothing; return how many items were made."""
    lock_content(project.pk, alone=True)
    after, made = 0, 0
    while page := read_page(project, wanted, after=after, hold=True):
        made += fill_page(project, wanted, page)
        after = page.last
    if made:
        restart_queue(project)
    return made


def fill_page(project: Project, wanted: ItemRules, page: Page) -> int:
    """Fill up these prompts, read with `hold` in this transaction; return how many items were made.

    The caller holds the content lock alone, and restarts the queue.
    """
    chosen = list(_choose(project, page.found, wanted))
    if not chosen:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [project.pk, sorted({prompt.pk for prompt, _ in chosen})])
    with references_checked_by_caller(_TABLES), connection.wrap_database_errors:
        send_rows(connection.connection, _rows(project, wanted, draw_ids(Item, len(chosen)), chosen))
    return len(chosen)


def _choose(
    project: Project, prompts: Sequence[PromptAnswers], rules: ItemRules
) -> Iterator[tuple[PromptAnswers, Place]]:
    chance, policy = random.SystemRandom(), policies()[rules.policy]
    known = known_keys(prompts, rules)
    for prompt in prompts:
        missing = rules.items_per_prompt - len(known[prompt.pk])
        if missing > 0 and (candidates := candidates_of(prompt, rules, known[prompt.pk])):
            for place in policy.choose(candidates, missing, chance):
                yield prompt, place


def _rows(
    project: Project, rules: ItemRules, ids: Sequence[int], chosen: Sequence[tuple[PromptAnswers, Place]]
) -> list[TableRows]:
    moment = now().isoformat()

    def item(pk: int, prompt: PromptAnswers, place: Place) -> str:
        people = draw_overlap(project)
        tags = _array(required_tags(prompt.metadata)) if rules.require_from_metadata else "{}"
        return (
            f"{pk}\t{project.pk}\t{prompt.pk}\t{rules.kind}\t{response_key(place.candidate.response_ids)}\t"
            f"{place.priority!r}\t{people}\t{people}\tf\t{cell(place.policy or rules.policy)}\t{place.propensity!r}\t"
            f"{cell(tags)}\t{moment}"
        )

    made = list(zip(ids, chosen, strict=True))
    return [
        table_rows(Item._meta.db_table, _ITEM_COLUMNS, (item(pk, prompt, place) for pk, (prompt, place) in made)),
        table_rows(
            ItemResponse._meta.db_table,
            "item_id response_id position",
            (
                f"{pk}\t{response_id}\t{position}"
                for pk, (_, place) in made
                for position, response_id in enumerate(place.candidate.response_ids)
            ),
        ),
    ]


def _array(texts: Sequence[str]) -> str:
    """An array of texts as PostgreSQL writes it."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def required_tags(metadata: dict[str, Any]) -> list[str]:
    """`{"language": "de", "skills": ["python"]}` as ["language:de", "skill:python"]."""
    language, skills = metadata.get("language"), metadata.get("skills")
    tags = [f"language:{language.lower()}"] if isinstance(language, str) and language else []
    tags += [f"skill:{skill.lower()}" for skill in skills if isinstance(skill, str)] if isinstance(skills, list) else []
    return sorted({tag[:60] for tag in tags})


def draw_overlap(project: Project) -> int:
    """The project's overlap, and one more for so many of a hundred items."""
    return min(project.overlap + (random.random() * 100 < project.extra_overlap_percent), 20)
