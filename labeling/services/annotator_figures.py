"""The people of a project: what each did in it, and whether they may go on."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.timezone import localtime, now

from accounts.models import Membership
from labeling.models import AnnotatorProfile, Project
from labeling.services.warnings import MAY_JUDGE

_ASSIGNED = """
SELECT annotator_id, count(*) FILTER (WHERE state = 'judged'), count(*) FILTER (WHERE state = 'skipped'),
    count(*) FILTER (WHERE state = 'leased'),
    count(*) FILTER (WHERE state = 'judged' AND closed_at >= %(midnight)s),
    max(greatest(leased_at, shown_at, closed_at))
FROM labeling_assignment WHERE project_id = %(project)s GROUP BY annotator_id
"""
_TIMES = """
SELECT annotator_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY active_ms) FROM labeling_judgement
WHERE project_id = %s AND retracted_at IS NULL AND active_ms IS NOT NULL GROUP BY annotator_id
"""


@dataclass(slots=True)
class AnnotatorRow:
    """One member in one project, also one who has left since."""

    member: Membership
    judged: int = 0
    skipped: int = 0
    held: int = 0
    judged_today: int = 0
    median_active_ms: float | None = None
    last_seen_at: datetime | None = None
    tags: list[str] = field(default_factory=list)
    paused_at: datetime | None = None
    missing_tags: list[str] = field(default_factory=list)
    is_capped: bool = False
    is_capped_today: bool = False

    @property
    def median_seconds(self) -> float | None:
        """Half of the judgements took less attention."""
        return None if self.median_active_ms is None else self.median_active_ms / 1000

    @property
    def may_judge(self) -> bool:
        """Whether the person's role and membership let them; pause, tags and caps apart."""
        return self.member.is_active and self.member.role in MAY_JUDGE


def annotator_rows(project: Project) -> list[AnnotatorRow]:
    """Everybody who may judge here or has done so; who judged most first."""
    midnight = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGNED, {"project": project.pk, "midnight": midnight})
        assigned: dict[int, Any] = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute(_TIMES, [project.pk])
        times = dict(cursor.fetchall())
    members = Membership.objects.filter(organisation_id=project.organisation_id).select_related("user")
    profiles = {
        profile.membership_id: profile
        for profile in AnnotatorProfile.objects.filter(membership__organisation_id=project.organisation_id)
    }
    rows = []
    for member in members:
        row = AnnotatorRow(member, median_active_ms=times.get(member.user_id))
        if member.user_id in assigned:
            row.judged, row.skipped, row.held, row.judged_today, row.last_seen_at = assigned[member.user_id]
        elif not row.may_judge:
            continue
        if profile := profiles.get(member.pk):
            row.tags, row.paused_at = profile.tags, profile.paused_at
        row.missing_tags = sorted(set(project.requires) - set(row.tags))
        row.is_capped = bool(project.cap_per_person) and row.judged >= (project.cap_per_person or 0)
        row.is_capped_today = bool(project.cap_per_day) and row.judged_today >= (project.cap_per_day or 0)
        rows.append(row)
    return sorted(rows, key=lambda row: (-row.judged, str(row.member.user).lower()))
