"""Versions for tests, with real artifacts of a few bytes."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from accounts.models import Membership
from models_registry.models import ModelVersion
from models_registry.services import record_evaluation, register_version


def write_artifact(directory: Path, *, seed: int = 0) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    save_file({"w": np.full((2, 3), seed, dtype=np.float32)}, directory / "model.safetensors")
    (directory / "config.json").write_text('{"model_type": "tiny"}')
    return directory


def make_version(by: Membership, project_id: int, tmp_path: Path, **given: Any) -> ModelVersion:
    """A policy with an artifact of its own."""
    count = ModelVersion.objects.count()
    given.setdefault("artifact_dir", write_artifact(tmp_path / f"made-{count}", seed=count))
    given = {"kind": "policy", "name": "Answers v{number}"} | given
    return register_version(organisation=by.organisation, project_id=project_id, **given)


def open_the_gate(version: ModelVersion) -> None:
    record_evaluation(version=version, metric="win_rate", value=0.7, low=0.6, high=0.8, n=100)
    record_evaluation(version=version, metric="reward_model_accuracy", value=0.66, low=0.58, high=0.74, n=200)
