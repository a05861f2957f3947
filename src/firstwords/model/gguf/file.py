"""Read a GGUF file: its metadata and its tensors. Files come from anywhere, so every length is checked before its use.

    file = GgufFile("SmolLM2-135M-Instruct.Q4_1.gguf")
    file.metadata["general.architecture"]    -> "llama"
    file.tensor("token_embd.weight")         -> float32, (49152, 576)

A file is a header (magic, version, counts), key-value pairs, a list of tensors (name, dimensions, type, offset), and
the tensors' data. The `gguf` package dequantises; it trusts the header, which is why the header is read here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# What a model's weights may be stored as; others are refused by name.
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
STRING, ARRAY = 8, 9
SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}  # struct's letters
MOST_KEYS, MOST_TENSORS, MOST_DIMENSIONS = 65_536, 65_536, 4
DEFAULT_ALIGNMENT = 32


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's data is. shape: rows last to first as in NumPy, (outputs, inputs) for a matrix."""

    name: str
    type: str
    shape: tuple[int, ...]
    start: int
    size: int


class GgufFile:
    """Raises UserError with one sentence for a file that is not GGUF, is cut off, or contradicts itself."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._data: np.ndarray = np.memmap(self.path, np.uint8, "r")
        except FileNotFoundError:
            raise UserError(f"there is no file {path}; check the path") from None
        except ValueError:  # an empty file cannot be mapped
            raise self._damaged("it is empty") from None
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from None
        self._place = 0
        self.metadata: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}
        try:
            self._read()
        except UnicodeDecodeError:
            raise self._damaged("a name or a text in it is not UTF-8") from None

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self.path} is not a usable GGUF file: {reason}; download it again")

    # ---- the header --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if bytes(self._data[:4]) != MAGIC:
            raise self._damaged("it does not begin with GGUF")
        self._place = 4
        version = self._number("I")
        if version not in VERSIONS:
            raise self._damaged(f"its version is {version}, and only {VERSIONS[0]} and {VERSIONS[1]} can be read")
        num_tensors, num_keys = self._number("Q"), self._number("Q")
        if num_tensors > MOST_TENSORS or num_keys > MOST_KEYS:
            raise self._damaged(f"it claims {num_tensors:,} tensors and {num_keys:,} entries")
        for _ in range(num_keys):
            key = self._text()
            if key in self.metadata:
                raise self._damaged(f"the entry {key[:80]} occurs twice")
            self.metadata[key] = self._value(self._number("I"), key)
        found = [self._tensor() for _ in range(num_tensors)]
        alignment = self.metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment <= 0 or alignment % 8:
            raise self._damaged(f"its alignment is {str(alignment)[:20]}")
        self._locate(found, -(-self._place // alignment) * alignment, alignment)

    def _take(self, size: int) -> bytes:
        end = self._place + size
        if size > len(self._data) - self._place:
            raise self._damaged("it is cut off")
        part = self._data[self._place : end].tobytes()
        self._place = end
        return part

    def _number(self, letter: str) -> Any:
        return struct.unpack("<" + letter, self._take(struct.calcsize("<" + letter)))[0]

    def _text(self) -> str:
        return self._take(self._number("Q")).decode("utf-8")

    def _value(self, kind: int, key: str) -> Any:
        if kind == STRING:
            return self._text()
        if kind in SCALARS:
            return self._number(SCALARS[kind])
        if kind != ARRAY:
            raise self._damaged(f"the entry {key[:80]} has the unknown type {kind}")
        item, count = self._number("I"), self._number("Q")
        if item in SCALARS:
            width = struct.calcsize("<" + SCALARS[item])
            if count > (len(self._data) - self._place) // width:
                raise self._damaged("it is cut off")
            return list(struct.unpack(f"<{count}{SCALARS[item]}", self._take(count * width)))
        if item != STRING:
            raise self._damaged(f"the entry {key[:80]} is a list of the unknown type {item}")
        if count > (len(self._data) - self._place) // 8:  # each text begins with its length
            raise self._damaged("it is cut off")
        return [self._text() for _ in range(count)]

    def _tensor(self) -> tuple[str, int, tuple[int, ...], int]:
        name, num = self._text(), self._number("I")
        if not 1 <= num <= MOST_DIMENSIONS:
            raise self._damaged(f"the tensor {name[:80]} has {num} dimensions")
        shape = tuple(self._number("Q") for _ in range(num))
        return name, self._number("I"), shape[::-1], self._number("Q")

    def _locate(self, found: list[tuple[str, int, tuple[int, ...], int]], start: int, alignment: int) -> None:
        """Check types, sizes and places of all tensors, and that no two share a byte."""
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        end = 0
        for name, kind, shape, offset in sorted(found, key=lambda each: each[3]):
            try:
                type_ = GGMLQuantizationType(kind)
            except ValueError:
                raise self._damaged(f"the tensor {name[:80]} has the unknown type {kind}") from None
            if type_.name not in TYPES:
                raise UserError(
                    f"{self.path} stores {name[:80]} as {type_.name}, which is not supported: use a file with "
                    f"{', '.join(TYPES)}"
                )
            per_block, block_bytes = GGML_QUANT_SIZES[type_]
            count = 1
            for size in shape:
                count *= size
            if not count or shape[-1] % per_block:
                raise self._damaged(f"the tensor {name[:80]} has the impossible shape {shape}")
            size = count // per_block * block_bytes
            if name in self.tensors:
                raise self._damaged(f"the tensor {name[:80]} occurs twice")
            if offset % alignment or offset < end:
                raise self._damaged(f"the tensor {name[:80]} overlaps another one")
            if start + offset + size > len(self._data):
                raise self._damaged(f"it is cut off within the tensor {name[:80]}")
            end = offset + size
            self.tensors[name] = Tensor(name, type_.name, shape, start + offset, size)

    # ---- the data ----------------------------------------------------------------------------------------------------

    def tensor(self, name: str) -> np.ndarray:
        """A tensor as float32. Raises UserError if there is none of that name."""
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        entry = self.tensors.get(name)
        if entry is None:
            raise self._damaged(f"it lacks the tensor {name}")
        raw = np.array(self._data[entry.start : entry.start + entry.size])
        if entry.type == "F32":
            return raw.view(np.float32).reshape(entry.shape)
        if entry.type == "F16":
            return raw.view(np.float16).astype(np.float32).reshape(entry.shape)
        rows = raw.reshape(-1, entry.size // (int(np.prod(entry.shape[:-1])) or 1))
        whole: np.ndarray = dequantize(rows, GGMLQuantizationType[entry.type])
        return whole.reshape(entry.shape)
