"""From a run's output directory to a ModelVersion."""

from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Organisation
from models_registry.artifacts import Artifact, store_artifact
from models_registry.models import Method, ModelVersion, VersionKind
from models_registry.services.locking import lock_versions


def register_version(
    *,
    organisation: Organisation,
    project_id: int,
    kind: str,
    name: str,
    artifact_dir: Path | None,
    parent: ModelVersion | None = None,
    base: ModelVersion | None = None,
    snapshot_id: int | None = None,
    snapshot_hash: str = "",
    run_id: int | None = None,
    recipe: str = "",
    code_version: str = "",
    method: str = "",
    figures: dict[str, Any] | None = None,
    engine_model: str = "",
    endpoint_url: str = "",
) -> ModelVersion:
    """Store the artifact and make the version, as a candidate; a run and kind that was registered is returned as it is.

    `{number}` in the name becomes the version's number, which counts up a project.

    Args:
        method: how a reward model was learnt, one of Method; other kinds have none.

    Raises:
        ArtifactRefused: the directory holds something that no artifact may hold.
        Invalid: an unknown kind or method, neither an artifact nor a model at an external engine, or lineage of another
            organisation.
    """
    if known := _registered(run_id, kind):
        return known
    _check(organisation, kind, method, name, artifact_dir, engine_model, parent, base)
    # Outside the transaction: copying gigabytes must not hold the lock, and content without a row harms nobody.
    artifact = store_artifact(artifact_dir) if artifact_dir else Artifact("", 0)
    with transaction.atomic():
        lock_versions(project_id)
        if known := _registered(run_id, kind):
            return known
        highest = ModelVersion.objects.for_project(project_id).aggregate(highest=Max("number"))["highest"]
        number = (highest or 0) + 1
        version: ModelVersion = ModelVersion.objects.create(
            organisation=organisation,
            project_id=project_id,
            kind=kind,
            number=number,
            name=name.strip().replace("{number}", str(number))[:160],
            parent=parent,
            base=base,
            artifact_hash=artifact.sha256,
            artifact_bytes=artifact.size_bytes,
            snapshot_id=snapshot_id,
            snapshot_hash=snapshot_hash,
            run_id=run_id,
            recipe=recipe,
            code_version=code_version[:64],
            method=method,
            figures=figures or {},
            engine_model=engine_model,
            endpoint_url=endpoint_url,
        )
        record_event(
            "version registered", by=None, organisation=organisation, subject=version,
            name=version.name, kind=kind, run=run_id, artifact=artifact.sha256[:12],
        )  # fmt: skip
    return version


def _registered(run_id: int | None, kind: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(run_id=run_id, kind=kind).first() if run_id is not None else None


def _check(
    organisation: Organisation,
    kind: str,
    method: str,
    name: str,
    artifact_dir: Path | None,
    engine_model: str,
    parent: ModelVersion | None,
    base: ModelVersion | None,
) -> None:
    if kind not in VersionKind.values:
        raise Invalid(f"{kind!r} is no kind of version. Use {', '.join(VersionKind.values)}.")
    if method and (kind != VersionKind.REWARD_MODEL or method not in Method.values):
        raise Invalid(f"{method!r} is no way to learn a reward model. Use {', '.join(Method.values)}.")
    if not name.strip():
        raise Invalid("A version needs a name.")
    if artifact_dir is None and not engine_model:
        raise Invalid("A version needs an artifact directory, or the name of a model at an external engine.")
    if artifact_dir is not None and not artifact_dir.is_dir():
        raise Invalid(f"There is no artifact directory at {artifact_dir}.")
    if any(other and other.organisation_id != organisation.pk for other in (parent, base)):
        raise Invalid("A version's parent and base belong to its own organisation.")
