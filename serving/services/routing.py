"""Which version answers a request, and with what probability it was chosen."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.models import Membership
from labeling.models import Project
from models_registry.models import ModelVersion, Promotion, Stage
from models_registry.services.lookup import SERVABLE
from serving.errors import NotServed


@dataclass(frozen=True)
class Route:
    """`fallback` is the version in production when the canary was drawn."""

    version: ModelVersion
    stage: str
    propensity: float
    fallback: ModelVersion | None = None


def choose_route(*, project: Project, sticky_key: str) -> Route:
    """The canary with the probability of its share, else production; the same key gets the same one.

    The draw is a hash of project, canary spell and key: it needs no table of who is where, a share that grows keeps
    everybody who was on the canary there, and the next canary draws anew.

    Raises:
        NotServed: no version is in production.
    """
    # One query of an index with at most two rows, at each request: a promotion is in force at once.
    spell = (
        Promotion.objects.filter(version=OuterRef("pk"), to_stage=Stage.CANARY)
        .exclude(from_stage=Stage.CANARY)
        .order_by("-pk")
    )
    serving = {
        version.stage: version
        for version in ModelVersion.objects.filter(
            project_id=project.pk, kind__in=SERVABLE, stage__in=(Stage.PRODUCTION, Stage.CANARY)
        )
        .select_related("base")
        .annotate(spell_id=Subquery(spell.values("pk")[:1]))
    }
    production, canary = serving.get(Stage.PRODUCTION), serving.get(Stage.CANARY)
    if production is None:
        raise NotServed(f"{project.name} has no version in production yet. Promote one first.")
    if canary is None:
        return Route(production, Stage.PRODUCTION, 1.0)
    share = canary.canary_share or 0.0
    if draw(project.pk, getattr(canary, "spell_id", None), sticky_key) < share:
        return Route(canary, Stage.CANARY, share, production)
    return Route(production, Stage.PRODUCTION, 1.0 - share)


def draw(project_id: int, spell_id: Any, sticky_key: str) -> float:
    """A number in [0, 1), uniform over keys and always the same for one."""
    digest = hashlib.sha256(f"{project_id}\n{spell_id}\n{sticky_key}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def served_projects(*, by: Membership) -> "QuerySet[Project]":
    """The projects of the member's organisation that have a version in production."""
    serving = ModelVersion.objects.for_member(by).filter(kind__in=SERVABLE, stage=Stage.PRODUCTION)
    found: QuerySet[Project] = Project.objects.for_member(by).filter(
        pk__in=serving.values("project_id"), archived_at=None
    )
    return found
