"""The directory that the embedded engine loads for a version.

A policy is one adapter; the engine wants the base's files beside it. They are hard-linked from the store, so that a
version costs its adapter's bytes on disk and not the base's again.
"""

import os
import shutil
import uuid
from pathlib import Path

from django.conf import settings

from models_registry.artifacts import verified_path
from models_registry.errors import ArtifactDamaged
from models_registry.models import ModelVersion

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def engine_directory(version: ModelVersion) -> Path:
    """A directory with everything the version needs to answer, made on first use.

    Raises:
        ArtifactDamaged: the artifact, or that of the base it stands on, is missing or not what was registered.
    """
    artifact = verified_path(version.artifact_hash)
    if not (artifact / ADAPTER[0]).exists():
        return artifact  # a whole model
    if version.base is None:
        raise ArtifactDamaged(f"{version.name} is an adapter, and the base it stands on is not recorded.")
    base = verified_path(version.base.artifact_hash)
    target = Path(settings.ENGINE_DIR) / f"{version.artifact_hash[:16]}-{version.base.artifact_hash[:16]}"
    if not target.is_dir():
        _assemble(base, artifact, target)
    return target


def _assemble(base: Path, adapter: Path, target: Path) -> None:
    incoming = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    incoming.mkdir(parents=True)
    try:
        for path in base.iterdir():
            if path.is_file() and path.name not in ADAPTER:
                _link(path, incoming / path.name)
        for name in ADAPTER:
            _link(adapter / name, incoming / name)
        incoming.rename(target)
    except OSError:
        shutil.rmtree(incoming)
        if not target.is_dir():  # otherwise another process was first
            raise


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
