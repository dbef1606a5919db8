"""What a model directory must be before anything is loaded from it: weights in safetensors, never a pickle."""

import hashlib
import os
from pathlib import Path
from typing import Any

from training.recipes.run import RecipeError

SAMPLES, SAMPLE_BYTES = 64, 65536  # of each file of weights
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}


def check_model_directory(directory: Path) -> None:
    """Raises RecipeError unless `directory` holds a model in safetensors."""
    if not (directory / "config.json").is_file():
        raise RecipeError(f"{directory} is not a model directory: it has no config.json.")
    if list(directory.glob("*.safetensors")):
        return
    if pickles := sorted(file.name for file in directory.iterdir() if file.suffix in PICKLES):
        raise RecipeError(
            f"{directory} holds its weights as a pickle ({pickles[0]}), which can run code when it is opened; "
            "convert it to safetensors first."
        )
    raise RecipeError(f"{directory} holds no weights: there is no .safetensors file in it.")


def hash_directory(directory: Path) -> str:
    """sha256 over names and contents: two directories with the same files have the same hash."""
    return _hash_files(sorted(directory.iterdir()), hashlib.sha256())


def fingerprint_directory(directory: Path) -> str:
    """As `hash_directory`, but of weights no more than `fingerprint_base` looks at."""
    others = [file for file in sorted(directory.iterdir()) if file.suffix != ".safetensors"]
    return _hash_files(others, hashlib.sha256(fingerprint_base(directory).encode()))


def _hash_files(files: list[Path], digest: Any) -> str:
    for file in files:
        with file.open("rb") as content:
            digest.update(f"{file.name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return str(digest.hexdigest())


def fingerprint_base(directory: Path) -> str:
    """sha256 over a base's config, and of each file of weights over its size, its head, and 64 pieces of 64 KB.

    Weights that were trained differ nearly everywhere. To read 4 MB takes milliseconds; to hash all of a model takes
    seconds a gigabyte, too much for whenever it is loaded.
    """
    digest = hashlib.sha256((directory / "config.json").read_bytes())
    for file in sorted(directory.glob("*.safetensors")):
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            digest.update(f"{file.name}\0{size}\n".encode())
            for number in range(SAMPLES):
                content.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLES - 1))
                digest.update(content.read(SAMPLE_BYTES))
    return digest.hexdigest()
