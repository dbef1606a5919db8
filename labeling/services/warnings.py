"""What a manager should know of a project before anybody waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts.models import Membership
from accounts.permissions import GRANTS, Permission
from labeling.kinds import kind_of
from labeling.kinds.design import design_of
from labeling.kinds.rating.kind import DEFAULT_AXES
from labeling.models import AnnotatorProfile, Item, Judgement, Project

MAY_JUDGE = [role for role, granted in GRANTS.items() if Permission.JUDGE in granted]

# One look at what is open: what it asks for, of whom, and how many people at most.
_OPEN = """
SELECT kind, requires, max(overlap), count(*) FROM labeling_item
WHERE project_id = %s AND open_slots > 0 AND reserved_for_id IS NULL GROUP BY kind, requires LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class ProjectWarning:
    code: str
    message: str


def who_may_judge(project: Project) -> list[set[str]]:
    """The tags of each person who is given items here: active, with a role that judges, not paused, and eligible."""
    members = Membership.objects.filter(
        organisation_id=project.organisation_id, is_active=True, user__is_active=True, role__in=MAY_JUDGE
    )
    known = {profile.membership_id: profile for profile in AnnotatorProfile.objects.filter(membership__in=members)}
    found: list[set[str]] = []
    for pk in members.values_list("pk", flat=True):
        profile = known.get(pk)
        tags = set(profile.tags) if profile else set()
        if (profile is None or profile.paused_at is None) and tags >= set(project.requires):
            found.append(tags)
    return found


def project_warnings(project: Project) -> list[ProjectWarning]:
    """What stands in the way of the project's being finished, worst first; usually nothing."""
    people = who_may_judge(project)
    found = _of_overlap(project, len(people))
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [project.pk])
        rows: list[Any] = cursor.fetchall()
    if not found and (highest := max((overlap for _, _, overlap, _ in rows), default=0)) > len(people):
        found.append(_too_many("Some items ask", highest, len(people)))
    found += _of_tags(rows, people)
    design = design_of(project)
    if others := {kind: sum(row[3] for row in rows if row[0] == kind) for kind, *_ in rows if kind != design.kind}:
        told = " and ".join(f"{count} {kind_of(kind).word.lower()}{_s(count)}" for kind, count in others.items())
        found.append(
            ProjectWarning(
                "other_kinds_open",
                f"The project asks for {kind_of(design.kind).word.lower()}s now, and {told} made before are still "
                "open. They stay as they are: withdraw them in the queue if they are not wanted.",
            )
        )
    if design.kind == "rating" and [axis["word"] for axis in design.kinds["rating"]["axes"]] == [
        axis["word"] for axis in DEFAULT_AXES
    ]:
        word = DEFAULT_AXES[0]["word"]
        found.append(
            ProjectWarning(
                "no_axes", f"The project names no axes to rate on, so it asks one thing: {word} Name your own."
            )
        )
    return found


def change_warnings(project: Project, before: dict[str, Any]) -> list[ProjectWarning]:
    """What a change of the design leaves behind; `before` is the design as it was stored."""
    design = design_of(project).as_json()
    changed = [name for name in ("comparison", "ranking", "rating") if before.get(name) != design[name]]
    judged = set(
        Judgement.objects.standing().filter(project=project, kind__in=changed).values_list("kind", flat=True).distinct()
    )
    return [
        ProjectWarning(
            "judged_before",
            f"{kind_of(name).word}s given before this change keep the scale and axes they were given on. "
            "Compare them with later ones with care.",
        )
        for name in changed
        if name in judged
    ]


def _of_overlap(project: Project, people: int) -> list[ProjectWarning]:
    if people == 0:
        needed = f" All need {', '.join(project.requires)}." if project.requires else ""
        return [ProjectWarning("nobody", f"Nobody is given items here: there is no active annotator for it.{needed}")]
    if project.overlap > people:
        return [_too_many("Every item asks", project.overlap, people)]
    if project.extra_overlap_percent and project.overlap + 1 > people:
        return [_too_many(f"{project.extra_overlap_percent} of 100 items ask", project.overlap + 1, people)]
    return []


def _too_many(which: str, wanted: int, people: int) -> ProjectWarning:
    return ProjectWarning(
        "overlap_too_large",
        f"{which} for {wanted} different people, and only {people} may judge here: such items are never finished. "
        "Lower the people per item, or let more people in.",
    )


def _of_tags(rows: Sequence[Any], people: Sequence[set[str]]) -> list[ProjectWarning]:
    found: list[ProjectWarning] = []
    for _, requires, overlap, count in rows:
        able = sum(tags >= set(requires) for tags in people)
        if requires and able < overlap and len(found) < 5:
            found.append(
                ProjectWarning(
                    "nobody_with_tags",
                    f"{count} open item{_s(count)} need{'' if count != 1 else 's'} {overlap} "
                    f"{'person' if overlap == 1 else 'people'} with {', '.join(requires)}, and {able or 'nobody'} "
                    f"{'have' if able > 1 else 'has'} that. Give annotators these tags.",
                )
            )
    return found


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def has_items(project: Project) -> bool:
    """Whether anything was made of the project's prompts yet."""
    return Item.objects.filter(project=project).exists()
