"""A reward model's files: written with what they are, and refused where they are not that, or not over that base.

reward_model.json names the sha256 of every file beside it and of what it says itself, the base's tokenizer, and a
fingerprint of the base. What an artifact of before does not name is not checked.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from training.recipes.model_directory import fingerprint_base
from training.recipes.policies import tokenizer_sha256
from training.recipes.reward_scorer import TRAINED_BODY
from training.recipes.run import RecipeError

WEIGHTS, SETTINGS = "reward_model.safetensors", "reward_model.json"
NEEDED = ("layers", "length_mean", "length_scale", "length_range", "center", "spread")
NEEDED_TENSORS = ("mean", "scale", "components", "weights")


def write_settings(directory: Path, settings: dict[str, Any], *, base_dir: Path) -> None:
    """Write reward_model.json; last, when all other files are there."""
    settings = settings | {
        "tokenizer_sha256": tokenizer_sha256(base_dir),
        "base_fingerprint": fingerprint_base(base_dir),
        "files_sha256": {file.name: _sha256(file) for file in sorted(directory.iterdir()) if file.name != SETTINGS},
    }
    (directory / SETTINGS).write_text(json.dumps(settings | {"settings_sha256": _of_settings(settings)}, indent=1))


def read_artifact(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and tensors (float64).

    Raises:
        RecipeError: no reward model, one that cannot be read, or one that was changed since it was trained.
    """
    for name in (SETTINGS, WEIGHTS):
        if not (directory / name).is_file():
            raise RecipeError(f"{directory} is not a reward model: {name} is missing.")
    try:
        settings = json.loads((directory / SETTINGS).read_text())
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise _broken(directory, f"{SETTINGS} is damaged")
    if changed := _changed(directory, settings):
        raise _broken(directory, f"{changed} was changed")
    if lacking := [name for name in NEEDED if name not in settings]:
        raise _broken(directory, f"{SETTINGS} lacks {', '.join(lacking)}")
    try:
        tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(directory / WEIGHTS).items()}
    except SafetensorError:
        raise _broken(directory, f"{WEIGHTS} is damaged") from None
    if lacking := [name for name in NEEDED_TENSORS if name not in tensors]:
        raise _broken(directory, f"{WEIGHTS} lacks {', '.join(lacking)}")
    return settings, tensors


def check_base(directory: Path, settings: dict[str, Any], base_dir: Path) -> None:
    """Raises RecipeError when the model was trained over a base that reads texts or answers otherwise than this one."""
    belongs, advice = f"The reward model in {directory} belongs to another base model", "Train a reward model over"
    stated = settings.get("tokenizer_sha256")
    if stated and stated != tokenizer_sha256(base_dir):
        raise RecipeError(f"{belongs}: its tokenizer reads texts differently from this one's. {advice} this base.")
    stated = settings.get("base_fingerprint")
    if stated and stated != fingerprint_base(base_dir):
        raise RecipeError(f"{belongs}: its weights are not those in {base_dir}. {advice} this base.")


def _changed(directory: Path, settings: dict[str, Any]) -> str | None:
    """The first file that is not what was written."""
    own = settings.get("settings_sha256")
    if own is not None and own != _of_settings(settings):
        return SETTINGS
    # Before all files were named the weights were.
    files = settings.get("files_sha256") or {WEIGHTS: settings.get("weights_sha256")}
    if own is not None and (directory / TRAINED_BODY).is_file() and TRAINED_BODY not in files:
        return TRAINED_BODY
    for name, stated in files.items():
        path = directory / name
        if stated and (not path.is_file() or _sha256(path) != stated):
            return str(name)
    return None


def _of_settings(settings: dict[str, Any]) -> str:
    said = {name: value for name, value in settings.items() if name != "settings_sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _broken(directory: Path, why: str) -> RecipeError:
    return RecipeError(
        f"The reward model in {directory} is not the one that was trained: {why}. Restore it from a backup, or train "
        "it again."
    )
