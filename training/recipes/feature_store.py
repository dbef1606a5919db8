"""Features of answers on disk, by content: what one run has read another one need not.

Shards of some hundred answers each (safetensors), named by their keys, so that runs that share a directory write
different files or the same one. Only the keys are held in memory; the features of an answer are read when they are
asked for. benchmarks/feature_store.py has it beside a table of pgvector.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

SHARD_ANSWERS = 256


class FeatureStore:
    """The shards of one directory, as they were when it was opened, and those that are added."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._places: dict[str, tuple[Path, int]] = {}  # shard and row, by key
        self._notes: dict[str, int] = {}
        for shard in sorted(directory.glob("*.safetensors")):
            with safe_open(shard, framework="numpy") as file:
                self._remember(shard, json.loads(file.metadata()["keys"]), map(int, file.metadata().get("cut", "")))

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def note(self, key: str) -> int | None:
        """What was noted when the features were added; a digit."""
        return self._notes.get(key)

    def take(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Features by key, of those that are there."""
        rows: dict[Path, dict[str, int]] = defaultdict(dict)
        for key in keys:
            if key in self._places:
                shard, row = self._places[key]
                rows[shard][key] = row
        found: dict[str, np.ndarray] = {}
        for shard, places in rows.items():
            with safe_open(shard, framework="numpy") as file:
                features = file.get_tensor("features")
                # A copy, or each would keep the whole shard in memory.
                found |= {key: features[row].copy() for key, row in places.items()}
        return found

    def add(self, features: Mapping[str, np.ndarray], notes: Mapping[str, int]) -> None:
        """Write them, in shards of SHARD_ANSWERS or some more: a rest does not get one of its own."""
        keys = list(features)
        count = max(1, len(keys) // SHARD_ANSWERS) if keys else 0
        for number in range(count):
            part = keys[len(keys) * number // count : len(keys) * (number + 1) // count]
            self._write(part, features, notes)

    def _write(self, keys: list[str], features: Mapping[str, np.ndarray], notes: Mapping[str, int]) -> None:
        shard = self._directory / f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:32]}.safetensors"
        partial = shard.with_suffix(f".{os.getpid()}.partial")
        about = {"keys": json.dumps(keys), "cut": "".join(str(notes[key]) for key in keys)}
        save_file({"features": np.stack([features[key] for key in keys])}, partial, metadata=about)
        os.replace(partial, shard)
        self._remember(shard, keys, [notes[key] for key in keys])

    def _remember(self, shard: Path, keys: list[str], notes: Iterable[int]) -> None:
        self._places |= {key: (shard, row) for row, key in enumerate(keys)}
        self._notes |= zip(keys, notes, strict=False)  # shards of before there were notes have none
