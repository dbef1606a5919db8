"""Which version is meant where none is named. A project's reward model is what `reward_model_of` says, everywhere."""

from typing import Any

from models_registry.models import Method, ModelVersion, VersionKind
from training.models import TrainingRun


def newest_version(project_id: int, kind: VersionKind, **which: Any) -> ModelVersion | None:
    """The newest version of a kind that has an artifact here."""
    versions = ModelVersion.objects.for_project(project_id).filter(kind=kind, **which).exclude(artifact_hash="")
    found: ModelVersion | None = versions.select_related("base", "parent").order_by("-id").first()
    return found


def reward_model_of(project_id: int, **which: Any) -> ModelVersion | None:
    """The trained body that won its latest trial, else the newest; `which` narrows them, as `base_id=3`."""
    return winning_body(project_id, **which) or newest_version(project_id, VersionKind.REWARD_MODEL, **which)


def winning_body(project_id: int, **which: Any) -> ModelVersion | None:
    """What the latest trial made, where the trained body won it.

    Refits since then do not displace it: nobody held them against it. The next trial decides anew.
    """
    trials = TrainingRun.objects.body_trials().filter(project=project_id).values_list("pk", flat=True)
    made = ModelVersion.objects.for_project(project_id).filter(
        kind=VersionKind.REWARD_MODEL, run_id__in=list(trials), **which
    )
    latest: ModelVersion | None = made.exclude(artifact_hash="").select_related("base").order_by("-run_id").first()
    return latest if latest and latest.method != Method.FEATURES else None
