"""A project in numbers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.timezone import localdate

from labeling.models import Project

DAYS = 14


@dataclass(frozen=True, slots=True)
class ProjectFigures:
    """Counts of a project. Slots are the judgements that are wanted: items times their overlap."""

    prompts: int
    held_out_prompts: int
    responses: int
    items: int
    slots: int
    open_slots: int
    leased: int
    judgements: int
    surplus: int
    annotators: int
    # Of these, the programs among them.
    simulated_annotators: int
    last_judged_at: datetime | None
    # (day, counted judgements) of the last DAYS days, today last, days without any included.
    per_day: list[tuple[date, int]]

    @property
    def progress(self) -> float:
        """Which share of the wanted judgements is there, 0 to 1."""
        return min(self.judgements / self.slots, 1.0) if self.slots else 0.0

    @property
    def judged_today(self) -> int:
        return self.per_day[-1][1]


_COUNTS = """
WITH prompts AS (
    SELECT count(*) AS prompts, count(*) FILTER (WHERE held_out) AS held_out_prompts
    FROM labeling_prompt WHERE project_id = %(p)s
), responses AS (
    SELECT count(*) AS responses FROM labeling_response r JOIN labeling_prompt p ON p.id = r.prompt_id
    WHERE p.project_id = %(p)s
), items AS (
    SELECT count(*) AS items, coalesce(sum(overlap), 0) AS slots, coalesce(sum(open_slots), 0) AS open_slots
    FROM labeling_item WHERE project_id = %(p)s
), leases AS (
    SELECT count(*) AS leased FROM labeling_assignment WHERE project_id = %(p)s AND state = 'leased'
), judgements AS (
    SELECT count(*) FILTER (WHERE NOT is_surplus) AS judgements, count(*) FILTER (WHERE is_surplus) AS surplus,
           count(DISTINCT annotator_id) AS annotators, max(created_at) AS last_judged_at
    FROM labeling_judgement WHERE project_id = %(p)s AND retracted_at IS NULL
), simulated AS (
    SELECT count(*) AS simulated_annotators FROM accounts_user u WHERE u.is_simulated AND EXISTS (
        SELECT FROM labeling_judgement c
        WHERE c.annotator_id = u.id AND c.project_id = %(p)s AND c.retracted_at IS NULL)
)
SELECT * FROM prompts, responses, items, leases, judgements, simulated
"""
_PER_DAY = """
SELECT (created_at AT TIME ZONE current_setting('TimeZone'))::date, count(*) FROM labeling_judgement
WHERE project_id = %s AND retracted_at IS NULL AND NOT is_surplus AND created_at >= %s GROUP BY 1
"""


def project_figures(project: Project) -> ProjectFigures:
    """Count what the project holds now."""
    today = localdate()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"p": project.pk})
        names = [column[0] for column in cursor.description]
        counts: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
        cursor.execute(_PER_DAY, [project.pk, days[0]])
        found = dict(cursor.fetchall())
    return ProjectFigures(**counts, per_day=[(day, found.get(day, 0)) for day in days])
