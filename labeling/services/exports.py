"""Counted judgements as files for other tools."""

from collections.abc import Callable, Iterator
from typing import Any

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project
from labeling.services.json_rows import in_blocks, stream_csv, stream_json
from labeling.services.pseudonyms import pseudonyms_of

_FROM = """
FROM labeling_comparison c
JOIN labeling_item i ON i.id = c.item_id
JOIN labeling_prompt p ON p.id = i.prompt_id
JOIN labeling_response a ON a.id = c.response_a_id
JOIN labeling_response b ON b.id = c.response_b_id
JOIN unnest(%s::bigint[], %s::text[]) AS who(id, name) ON who.id = c.annotator_id
WHERE c.project_id = %s AND c.retracted_at IS NULL AND NOT c.is_surplus
"""

_JSONL = f"""
SELECT json_build_object(
    'judgement_id', c.id, 'item_id', c.item_id, 'prompt_id', p.id, 'external_id', p.external_id, 'source', p.source,
    'held_out', p.held_out, 'prompt', p.messages, 'response_a', a.text, 'response_b', b.text,
    'model_a', a.model_name, 'model_b', b.model_name, 'version_a', a.version_id, 'version_b', b.version_id,
    'choice', c.choice, 'strength', c.strength, 'reason', c.reason, 'flags', c.flags, 'active_ms', c.active_ms,
    'annotator', who.name, 'policy', i.policy, 'propensity', i.propensity, 'metadata', p.metadata,
    'created_at', c.created_at) {_FROM} ORDER BY c.id
"""  # noqa: S608 - put together from this file's own text alone

_ANSWER = "json_build_array(json_build_object('role', 'assistant', 'content', {}))"
_BETTER = _ANSWER.format("CASE c.choice WHEN 'a' THEN a.text ELSE b.text END")
_WORSE = _ANSWER.format("CASE c.choice WHEN 'a' THEN b.text ELSE a.text END")

_PREFERENCE = f"""
SELECT json_build_object('prompt', p.messages, 'chosen', {_BETTER}, 'rejected', {_WORSE},
                         'margin', c.strength::float8)
{_FROM} AND c.choice IN ('a', 'b') ORDER BY c.id
"""  # noqa: S608

_KTO = f"""
SELECT json_build_object('prompt', p.messages, 'completion', {_ANSWER.format("side.text")}, 'label', side.is_good)
{
    _FROM.replace(
        "WHERE",
        '''CROSS JOIN LATERAL (VALUES (1, a.text, c.choice = 'a'), (2, b.text, c.choice = 'b'))
                           AS side(place, text, is_good) WHERE''',
    )
}
AND c.choice <> 'tie' ORDER BY c.id, side.place
"""  # noqa: S608

_SFT = f"""
SELECT json_build_object('prompt', p.messages, 'completion', {_BETTER}) {_FROM} AND c.choice IN ('a', 'b') ORDER BY c.id
"""  # noqa: S608

# A spreadsheet runs a cell that begins like this; the quote makes it text.
_CELL = "CASE WHEN {0} ~ '^[-=+@\\t\\r]' THEN '''' || {0} ELSE {0} END AS {1}"
_CSV = f"""
SELECT c.id AS judgement_id, c.item_id, p.id AS prompt_id, {_CELL.format("p.external_id", "external_id")},
       {_CELL.format("(p.messages -> -1 ->> 'content')", "last_turn")}, {_CELL.format("a.text", "response_a")},
       {_CELL.format("b.text", "response_b")}, c.choice, c.strength, {_CELL.format("c.reason", "reason")},
       {_CELL.format("c.flags::text", "flags")}, c.active_ms, who.name AS annotator, i.policy,
       i.propensity, c.created_at {_FROM} ORDER BY c.id
"""  # noqa: S608

_Format = Callable[[list[Any]], Iterator[bytes]]
FORMATS: dict[str, _Format] = {
    "jsonl": lambda values: in_blocks(stream_json(_JSONL, values)),
    "preference": lambda values: in_blocks(stream_json(_PREFERENCE, values)),
    "kto": lambda values: in_blocks(stream_json(_KTO, values)),
    "sft": lambda values: in_blocks(stream_json(_SFT, values)),
    "csv": lambda values: in_blocks(stream_csv(_CSV, values), end=b""),
}


def iter_export(*, project: Project, format: str, by: Membership | None = None) -> Iterator[bytes]:
    """The project's counted judgements, one row each, as they stand when the first block is asked for.

    Args:
        format: "jsonl" (everything), "preference" (TRL: prompt, chosen, rejected as messages, and the strength as
            margin; only where one is better), "kto" (each answer with a label; both bad is two bad ones, a tie says
            nothing), "sft" (the better answers), "csv".
        by: who takes them along; the audit trail then says so. None when Accord itself reads them.

    Raises:
        NotPermitted: the member may not export.
        Invalid: an unknown format.
    """
    if format not in FORMATS:
        raise Invalid(f"There is no export format {format[:40]!r}. Use one of {', '.join(FORMATS)}.")
    if by is not None:
        check_can(by, Permission.EXPORT)
        record_event("judgements exported", by=by, subject=project, format=format)
    return FORMATS[format]([*pseudonyms_of(project), project.pk])
