"""From prompts and rules to the sets of responses that could become items."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from labeling.models import Project
from labeling.near_duplicates import near_duplicates
from labeling.selection import Candidate
from labeling.services.item_rules import ItemRules, response_key

# Sets of responses that a batch makes at most; prompts of a batch follow from it.
_BATCH_ITEMS = 4000
# Of one prompt's responses, so many sets are looked at: 9 of 20 would be 167,960.
_MAX_CANDIDATES = 2000

_PAGE = """
SELECT max(id), count(*) FROM (
    SELECT id FROM labeling_prompt WHERE project_id = %(project)s AND id > %(after)s AND id <= %(up_to)s
    ORDER BY id LIMIT %(prompts)s) page
"""
# A prompt at a time by the index: the planner would read whole tables for the few thousand prompts of a page, and does
# not know yet how many items the pages before have made.
_FOUND = """
SELECT p.id, u.ids, u.characters, u.texts, CASE WHEN %(requires)s THEN p.metadata::text END
FROM (SELECT id, metadata FROM labeling_prompt
      WHERE project_id = %(project)s AND id > %(after)s AND id <= %(last)s ORDER BY id OFFSET 0) p
CROSS JOIN LATERAL (
    SELECT array_agg(id ORDER BY id) AS ids, array_agg(length(text) ORDER BY id) AS characters,
           array_agg(CASE WHEN %(texts)s THEN text END ORDER BY id) AS texts
    FROM (SELECT id, text FROM labeling_response r
          WHERE r.prompt_id = p.id AND r.withdrawn_at IS NULL
            AND (cardinality(%(models)s::text[]) = 0 OR r.model_name = ANY(%(models)s::text[]))
          ORDER BY id @hold@) usable
    OFFSET 0) u
WHERE cardinality(u.ids) >= %(fewest)s ORDER BY p.id
"""
_KNOWN = """
SELECT p.id, i.response_key FROM unnest(%(prompts)s::bigint[]) p (id)
CROSS JOIN LATERAL (
    SELECT response_key FROM labeling_item WHERE prompt_id = p.id AND kind = %(kind)s OFFSET 0) i
"""


@dataclass(frozen=True, slots=True)
class PromptAnswers:
    """A prompt's usable responses, in the order of their ids."""

    pk: int
    response_ids: list[int]
    characters: list[int]
    texts: list[str]  # where texts matter
    metadata: dict[str, Any]  # where it says what is required of an annotator


@dataclass(frozen=True, slots=True)
class Page:
    """Some prompts in the order of their ids, those with enough usable responses among them."""

    last: int
    prompts: int
    found: list[PromptAnswers]


def read_page(
    project: Project, wanted: ItemRules, *, after: int = 0, up_to: int | None = None, hold: bool = False
) -> Page | None:
    """The next prompts behind `after`; None when there are no more.

    Args:
        hold: keep the rows from being deleted until the transaction ends.
    """
    given: dict[str, Any] = {
        "project": project.pk, "after": after, "up_to": 2**62 if up_to is None else up_to,
        "models": list(wanted.models), "requires": wanted.require_from_metadata,
        "prompts": max(50, _BATCH_ITEMS // wanted.items_per_prompt), "texts": wanted.skip_near_duplicates,
        "fewest": wanted.fewest,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, given)
        last, prompts = cursor.fetchone()
        if not prompts:
            return None
        cursor.execute(_FOUND.replace("@hold@", "FOR KEY SHARE" if hold else ""), {**given, "last": last})
        return Page(last, prompts, [PromptAnswers(a, b, c, d, json.loads(e or "{}")) for a, b, c, d, e in cursor])


def prompt_batches(project: Project, wanted: ItemRules) -> Iterator[list[PromptAnswers]]:
    """The prompts with enough usable responses."""
    after = 0
    while page := read_page(project, wanted, after=after):
        yield page.found
        after = page.last


def known_keys(prompts: Sequence[PromptAnswers], rules: ItemRules) -> dict[int, set[str]]:
    """Of each prompt, the sets of responses that are items of the kind already."""
    known: dict[int, set[str]] = {prompt.pk: set() for prompt in prompts}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"kind": rules.kind, "prompts": list(known)})
        for prompt_id, key in cursor.fetchall():
            known[prompt_id].add(key)
    return known


def candidates_of(prompt: PromptAnswers, rules: ItemRules, known: set[str]) -> list[Candidate]:
    """The sets of the prompt's responses that could be an item and are none yet."""
    ids, characters = prompt.response_ids, prompt.characters
    # Once a prompt: the same two answers are in many sets.
    alike = near_duplicates(prompt.texts) if rules.skip_near_duplicates else set()
    candidates = []
    size = min(rules.most, len(ids))
    for places in itertools.islice(itertools.combinations(range(len(ids)), size), _MAX_CANDIDATES):
        chosen = tuple(ids[place] for place in places)
        if known and response_key(chosen) in known:
            continue
        if alike and any(pair in alike for pair in itertools.combinations(places, 2)):
            continue
        candidates.append(Candidate(chosen, tuple(characters[place] for place in places)))
    return candidates
