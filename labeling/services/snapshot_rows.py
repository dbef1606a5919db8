"""The rows of a snapshot's files, in the order in which they are written. docs/snapshots.md lists their fields.

Which judgements are in it is settled once, in one statement, so that all files are of the same moment.
"""

import json
from collections.abc import Iterator

from django.db import connection

from labeling.chosen_by import chosen_by
from labeling.kinds import kind_of
from labeling.kinds.design import design_of
from labeling.models import Project
from labeling.services.json_rows import stream_json
from labeling.services.pairs import frozen_sql, kinds_with_own_rows, pairs_sql
from labeling.services.pseudonyms import groups_of, pseudonyms_of

PARTS = (("train", False), ("held_out", True))

_CHOOSE = f"""
CREATE TEMPORARY TABLE frozen ON COMMIT DROP AS
SELECT said_of.*, i.prompt_id, i.policy, i.propensity, p.source, p.held_out,
    {chosen_by("said_of.judgement_id", "said_of.kind")} AS chosen_by
FROM (
    SELECT kind, judgement_id, item_id, annotator_id, flags, response_a_id, response_b_id, choice, strength, axes,
        NULL::bigint[] AS response_ids, NULL::jsonb AS said FROM (@pairs@) pairs
    UNION ALL
    SELECT kind, judgement_id, item_id, annotator_id, flags, NULL, NULL, NULL, NULL, NULL, response_ids, said
    FROM (@own@) own) said_of
JOIN labeling_item i ON i.id = said_of.item_id JOIN labeling_prompt p ON p.id = i.prompt_id
"""  # noqa: S608 - this house's own text
_COMMON = """
    'annotator', who.name, 'annotator_groups', who.groups::json,
    'item_id', f.item_id, 'kind', f.kind, 'source', f.source, 'policy', f.policy,
    'propensity', f.propensity, 'chosen_by', f.chosen_by,
    'flags', (SELECT coalesce(json_agg(flag ->> 'name'), '[]'::json) FROM jsonb_array_elements(f.flags) flag)
"""
_WHO = "JOIN unnest(%s::bigint[], %s::text[], %s::text[]) AS who(id, name, groups) ON who.id = f.annotator_id"
_PAIRS = f"""
SELECT json_build_object(
    'judgement_ids', json_build_array(f.judgement_id), 'prompt_id', p.id, 'prompt', p.messages, 'response_a', a.text,
    'response_b', b.text, 'choice', f.choice, 'strength', f.strength, 'axes', f.axes, {_COMMON})
FROM frozen f
JOIN labeling_prompt p ON p.id = f.prompt_id
JOIN labeling_response a ON a.id = f.response_a_id
JOIN labeling_response b ON b.id = f.response_b_id
{_WHO}
WHERE f.held_out = %s ORDER BY f.judgement_id, f.response_a_id, f.response_b_id
"""  # noqa: S608 - this file's own text
_OWN = f"""
SELECT jsonb_build_object(
    'judgement_ids', json_build_array(f.judgement_id), 'prompt_id', p.id, 'prompt', p.messages,
    'responses', (SELECT json_agg(r.text ORDER BY shown.place)
                  FROM unnest(f.response_ids) WITH ORDINALITY AS shown(id, place)
                  JOIN labeling_response r ON r.id = shown.id),
    {_COMMON}) || f.said
FROM frozen f
JOIN labeling_prompt p ON p.id = f.prompt_id
{_WHO}
WHERE f.held_out = %s AND f.kind = %s AND f.said IS NOT NULL ORDER BY f.judgement_id
"""  # noqa: S608 - this file's own text
_PROMPTS = """
SELECT json_build_object('prompt_id', id, 'prompt', messages) FROM labeling_prompt
WHERE project_id = %s AND held_out = %s ORDER BY id
"""


def choose_judgements(project: Project) -> tuple[list[int], int]:
    """Settle what is frozen, for the rest of the transaction; its ids in order, and how many people judged."""
    design, parameters = design_of(project), {"project": project.pk}
    for kind in kinds_with_own_rows():
        parameters |= kind_of(kind).frozen_parameters(design.kinds[kind])
    with connection.cursor() as cursor:
        cursor.execute(_CHOOSE.replace("@pairs@", pairs_sql()).replace("@own@", frozen_sql()), parameters)
        cursor.execute(
            "SELECT array_agg(DISTINCT judgement_id ORDER BY judgement_id), count(DISTINCT annotator_id) FROM frozen"
        )
        ids, annotators = cursor.fetchone()
    return ids or [], annotators


def forget_choice() -> None:
    """A second freeze in the same transaction makes its own."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE frozen")


def file_names() -> list[str]:
    """The files of rows."""
    stems = ["", "prompts_", *(f"{kind}s_" for kind in kinds_with_own_rows())]
    return [f"{stem}{part}.jsonl" for stem in stems for part, _ in PARTS]


def files_of(project: Project) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file's name and lines; to be read in turn."""
    people, names = pseudonyms_of(project)
    who = [people, names, [json.dumps(groups) for groups in groups_of(project, people)]]
    for part, held_out in PARTS:
        yield f"{part}.jsonl", stream_json(_PAIRS, [*who, held_out])
        yield f"prompts_{part}.jsonl", stream_json(_PROMPTS, [project.pk, held_out])
        for kind in kinds_with_own_rows():
            yield f"{kind}s_{part}.jsonl", stream_json(_OWN, [*who, held_out, kind])
