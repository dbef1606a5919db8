"""How much of what was judged a reward model can learn from, counted no further than somebody needs to know."""

from typing import Any

from django.db import connection

from labeling.kinds import all_kinds, kind_of
from labeling.kinds.design import design_of
from labeling.models import Project
from labeling.services.pairs import pairs_sql

# A ranking of nine answers is so many pairs: a limit on judgements is one on rows, so that a million are not read.
_MOST_PAIRS = 36
_IN_PART = """JOIN labeling_item i ON i.id = {rows}.item_id JOIN labeling_prompt p ON p.id = i.prompt_id
    WHERE p.held_out = %(held_out)s"""


def count_preferences(project: Project, *, held_out: bool, limit: int) -> int:
    """Judgements by which one answer is better than another, of one part of the split, up to `limit`."""
    found = _ask(
        f"""SELECT count(DISTINCT judgement_id) FROM (
                SELECT pair.judgement_id FROM ({pairs_sql()}) pair {_IN_PART.format(rows="pair")}
                AND pair.choice IN ('a', 'b') LIMIT %(rows)s) found""",  # noqa: S608
        {"project": project.pk, "held_out": held_out, "rows": limit * _MOST_PAIRS},
    )
    return min(limit, int(found))


def count_ratings(project: Project, *, held_out: bool, limit: int) -> int:
    """Judgements that say how good one answer is, on a scale that the project has, up to `limit`."""
    sql, parameters = _ratings(project, held_out=held_out)
    counted = f"SELECT count(*) FROM (SELECT FROM ({sql}) rated LIMIT %(limit)s) found"  # noqa: S608
    return int(_ask(counted, parameters | {"limit": limit}))


def ratings_differ(project: Project, *, held_out: bool) -> bool:
    """Whether two ratings of one part of the split are not alike; of held-out prompts two by the same person.

    One person's are what a model is held against: two people may use a scale differently.
    """
    sql, parameters = _ratings(project, held_out=held_out)
    if held_out:
        differ = "SELECT FROM rated GROUP BY annotator_id HAVING min(level) < max(level)"
    else:
        differ = "SELECT FROM rated WHERE level <> (SELECT level FROM rated LIMIT 1)"
    return bool(_ask(f"WITH rated AS NOT MATERIALIZED ({sql}) SELECT EXISTS ({differ})", parameters))


def axis_is_judged(project: Project, axis: str) -> bool:
    """Whether anything was said on this axis outside the held-out prompts, by a comparison or a rating."""
    compared = f"SELECT FROM ({pairs_sql()}) pair {_IN_PART.format(rows='pair')} AND pair.axes ? %(axis)s"  # noqa: S608
    own, parameters = _rated(project, held_out=False)
    rated = f"SELECT FROM ({own}) own {_IN_PART.format(rows='own')} AND own.said -> 'levels' ? %(axis)s"  # noqa: S608
    return bool(_ask(f"SELECT EXISTS ({compared}) OR EXISTS ({rated})", parameters | {"axis": axis}))


def _ratings(project: Project, *, held_out: bool) -> tuple[str, dict[str, Any]]:
    """A SELECT of `annotator_id, level`, the level from 0 to 1 being the mean over the axes that apply."""
    own, parameters = _rated(project, held_out=held_out)
    sql = f"""SELECT annotator_id, level FROM (
        SELECT own.annotator_id, p.held_out,
            (SELECT avg(axis.value::float8) FROM jsonb_each_text(own.said -> 'levels') axis) AS level
        FROM ({own}) own {_IN_PART.format(rows="own")}) each_rating WHERE level IS NOT NULL"""  # noqa: S608
    return sql, parameters


def _rated(project: Project, *, held_out: bool) -> tuple[str, dict[str, Any]]:
    """What the kinds freeze that give no pairs: a SELECT whose `said` holds `levels` by axis."""
    names = [name for name, kind in all_kinds().items() if kind.frozen and not kind.pairs]
    design, parameters = design_of(project), {"project": project.pk, "held_out": held_out}
    for name in names:
        parameters |= kind_of(name).frozen_parameters(design.kinds[name])
    return " UNION ALL ".join(f"({kind_of(name).frozen})" for name in names), parameters


def _ask(sql: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
