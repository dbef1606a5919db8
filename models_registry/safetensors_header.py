"""Whether a file is a safetensors file, told from its header alone: no tensor is read, nothing is executed."""

import json
import struct
from pathlib import Path
from typing import Any

from models_registry.errors import ArtifactRefused

MAX_HEADER_BYTES = 100_000_000


def check_safetensors(path: Path, name: str) -> None:
    """Refuse what only claims to be safetensors.

    Raises:
        ArtifactRefused: with the file's name and what is wrong with it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise ArtifactRefused(f"{name} is not a safetensors file: its header is missing or cut off.")
        raw = file.read(length)
    try:
        header: Any = json.loads(raw)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise ArtifactRefused(f"{name} is not a safetensors file: its header is not JSON.")
    tensors = {key: value for key, value in header.items() if key != "__metadata__"}
    end = 0
    for key, (start, stop) in sorted(((k, _offsets(v, k, name)) for k, v in tensors.items()), key=lambda kv: kv[1]):
        # Contiguous and without holes: nothing hides between the tensors, and none is cut off.
        if start != end or stop < start:
            raise ArtifactRefused(f"{name} is damaged: the tensor {key[:80]!r} does not follow the one before it.")
        end = stop
    if 8 + length + end != size:
        raise ArtifactRefused(f"{name} is damaged: it holds {size - 8 - length} bytes of tensors instead of {end}.")


def _offsets(tensor: Any, key: str, name: str) -> tuple[int, int]:
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(o, int) and o >= 0 for o in offsets)):
        raise ArtifactRefused(f"{name} is damaged: the tensor {key[:80]!r} has no place in the file.")
    return offsets[0], offsets[1]
