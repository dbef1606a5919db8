"""Read a GGUF file: its fields and its tensors.

The `gguf` package wraps every one of a vocabulary's million strings and scores in memory-mapped views, which takes ten
seconds; a struct loop over the same bytes takes one. Only its dequantisation formulas are used here.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_ROWS_AT_ONCE = 8192  # bounds the float32 copy of a big table


@dataclass(frozen=True)
class StoredTensor:
    shape: tuple[int, ...]  # as torch says it: the fastest axis last
    kind: gguf.GGMLQuantizationType
    offset: int  # bytes from the start of the file


class GgufFile:
    """`fields` holds the metadata, `tensors` where each tensor lies; `tensor(name)` dequantises one."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 0
        magic, version, tensor_count, field_count = struct.unpack("<4sIQQ", self._take(24))
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path.name} is not a GGUF file of version 2 or 3")
        self.fields: dict[str, Any] = {}
        for _ in range(field_count):
            name = self._string()
            self.fields[name] = self._value(self._scalar("I"))
        headers = [self._tensor_header() for _ in range(tensor_count)]
        alignment = self.fields.get("general.alignment", 32)
        start = -(-self._at // alignment) * alignment
        self.tensors = {name: StoredTensor(shape, kind, start + offset) for name, shape, kind, offset in headers}

    def tensor(self, name: str) -> torch.Tensor:
        """The dequantised tensor, bfloat16 where it was quantised and float32 where it was not."""
        stored = self.tensors[name]
        block, block_bytes = gguf.GGML_QUANT_SIZES[stored.kind]
        if stored.kind == gguf.GGMLQuantizationType.F32:
            values = np.frombuffer(self._bytes, np.float32, int(np.prod(stored.shape)), stored.offset)
            return torch.from_numpy(values.reshape(stored.shape).copy())
        columns = stored.shape[-1]
        rows = int(np.prod(stored.shape)) // columns
        row_bytes = columns // block * block_bytes
        raw = np.frombuffer(self._bytes, np.uint8, rows * row_bytes, stored.offset).reshape(rows, row_bytes)
        weights = torch.empty(rows, columns, dtype=torch.bfloat16)
        for first in range(0, rows, _ROWS_AT_ONCE):
            part = raw[first : first + _ROWS_AT_ONCE]
            weights[first : first + _ROWS_AT_ONCE] = _dequantise(part, stored.kind)
        return weights.reshape(stored.shape)

    def _take(self, count: int) -> bytes:
        self._at += count
        return self._bytes[self._at - count : self._at]

    def _scalar(self, code: str) -> Any:
        return struct.unpack("<" + code, self._take(struct.calcsize(code)))[0]

    def _string(self) -> str:
        return self._take(self._scalar("Q")).decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(_SCALARS[kind])
        item_kind, count = self._scalar("I"), self._scalar("Q")
        if item_kind in (_STRING, _ARRAY):
            return [self._value(item_kind) for _ in range(count)]
        code = _SCALARS[item_kind]
        return list(struct.unpack(f"<{count}{code}", self._take(count * struct.calcsize(code))))

    def _tensor_header(self) -> tuple[str, tuple[int, ...], gguf.GGMLQuantizationType, int]:
        name = self._string()
        axes = [self._scalar("Q") for _ in range(self._scalar("I"))]
        return name, tuple(reversed(axes)), gguf.GGMLQuantizationType(self._scalar("I")), self._scalar("Q")


def _dequantise(raw_R_B: np.ndarray, kind: gguf.GGMLQuantizationType) -> torch.Tensor:
    if kind == gguf.GGMLQuantizationType.Q8_0:  # the embedding table, three quarters of Gemma: worth the short cut
        blocks = raw_R_B.reshape(len(raw_R_B), -1, 34)
        scales = torch.from_numpy(blocks[..., :2].copy().view(np.float16))
        return (torch.from_numpy(blocks[..., 2:].view(np.int8).astype(np.float32)) * scales).flatten(1)
    return torch.from_numpy(gguf.dequantize(raw_R_B, kind))
