"""Which version serves, and where its artifact lies."""

from pathlib import Path

from django.db.models import QuerySet

from models_registry.artifacts import verified_path
from models_registry.models import ModelVersion, Promotion, Stage, VersionKind

# Kinds that give answers.
SERVABLE = (VersionKind.BASE, VersionKind.POLICY)


def artifact_path(version: ModelVersion) -> Path:
    """The version's files, verified on first use in this process and whenever they look different.

    Raises:
        ArtifactDamaged: they are not what was registered.
    """
    return verified_path(version.artifact_hash)


def production_version(project_id: int) -> ModelVersion | None:
    """The version that answers for the project now."""
    return _serving(project_id, Stage.PRODUCTION).first()


def canary_version(project_id: int) -> ModelVersion | None:
    """The version that answers a share of the project's requests, if one is tried out."""
    return _serving(project_id, Stage.CANARY).first()


def _serving(project_id: int, stage: Stage) -> "QuerySet[ModelVersion]":
    rows: QuerySet[ModelVersion] = ModelVersion.objects.filter(
        project_id=project_id, kind__in=SERVABLE, stage=stage
    ).select_related("base", "organisation")
    return rows


def predecessor_of(project_id: int) -> ModelVersion | None:
    """The version that a roll-back brings back: what was in production before the one that is there now.

    The history is read as a stack: a promotion to production puts a version on top, a roll-back takes off what lies on
    the version that came back. So a second roll-back goes further back, and not to the version just withdrawn.
    """
    stack: list[int] = []
    steps = Promotion.objects.filter(
        version__project_id=project_id, version__kind__in=SERVABLE, to_stage=Stage.PRODUCTION
    ).order_by("pk")
    for version_id, from_stage in steps.values_list("version_id", "from_stage"):
        if from_stage == Stage.RETIRED and version_id in stack:
            del stack[stack.index(version_id) + 1 :]
        else:
            stack.append(version_id)
    return ModelVersion.objects.get(pk=stack[-2]) if len(stack) > 1 else None
