"""How much context the engine is started with: what the model supports and memory allows.

The tokens of all slots stand in memory from the start (the KV cache), so a number that is too large
makes the machine swap, and one that is too small sends an agent's first turn (8,000 to 22,000
tokens) to the cloud. The model file says what a token takes and how many it was trained on.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CTX = 8192
"""Of all slots together, where nothing is known."""
LEAST_CTX_A_SLOT = 512
"""A slot must hold a task's prompt and its reply; below this not even a short one fits."""
_STEP = 1024
_BYTES_A_VALUE = 2  # llama.cpp keeps the cache in f16
_MOST_KEYS, _MOST_LENGTH, _MOST_ITEMS = 4096, 1 << 16, 1 << 12
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model file says: tokens it was trained on, bytes of cache a token, its size."""

    context_length: int
    bytes_a_token: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Context:
    """``tokens`` for all slots together, and in words what limits them."""

    tokens: int
    limit: str


def choose(shape: ModelShape | None, available_bytes: int | None, parallel: int) -> Context:
    """The most that fits: the model's own limit a slot, in half of what is free of memory.

    At least ``DEFAULT_CTX`` over all slots, since less fits no task.
    """
    least = max(DEFAULT_CTX, LEAST_CTX_A_SLOT * parallel)
    if shape is None or available_bytes is None:
        return Context(least, "what the model or this machine takes is not known")
    budget = available_bytes // 2 - shape.file_bytes
    fits = budget // shape.bytes_a_token // parallel // _STEP * _STEP
    if fits >= shape.context_length:
        return Context(shape.context_length * parallel, "the model's own limit")
    least = min(least, shape.context_length * parallel)
    return Context(max(fits * parallel, least), "half of the memory that is free")


def read_shape(path: Path) -> ModelShape | None:
    """What the GGUF file says of itself; None when it does not, or not in a form that we read."""
    try:
        with path.open("rb") as file:
            fields = _header(file)
        size = path.stat().st_size
    except (OSError, struct.error, ValueError):
        return None
    architecture = fields.get("general.architecture")
    names = ("context_length", "block_count", "embedding_length", "attention.head_count")
    found = [_positive(fields, f"{architecture}.{name}") for name in names]
    if None in found:
        return None
    context, layers, width, heads = (one or 1 for one in found)
    kv_heads = _positive(fields, f"{architecture}.attention.head_count_kv") or heads
    key = _positive(fields, f"{architecture}.attention.key_length") or width // heads
    value = _positive(fields, f"{architecture}.attention.value_length") or width // heads
    if not key + value:
        return None  # it has more heads than numbers to share among them
    return ModelShape(context, layers * kv_heads * (key + value) * _BYTES_A_VALUE, size)


def free_memory(
    meminfo: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Bytes that this process may still take; None where the system does not say (not Linux)."""
    try:
        rows = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        free = next(int(row[1]) * 1024 for row in rows if row[:1] == ["MemAvailable:"])
    except (OSError, ValueError, StopIteration):
        return None
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no group of our own, or one without a limit
        return free
    return min(free, max(0, limit - used))


def _positive(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and 0 < value < 1 << 40 else None


def _header(file: BinaryIO) -> dict[str, object]:
    """The file's own keys with a single value; raises ValueError where it is no such file."""
    magic, version, _, keys = struct.unpack("<4sIQQ", file.read(24))
    if magic != b"GGUF" or version not in {2, 3} or keys > _MOST_KEYS:
        raise ValueError("no GGUF header")
    fields: dict[str, object] = {}
    for _ in range(keys):
        name = _text(file)
        if name.startswith("tokenizer."):  # they come last, and are long
            break
        (kind,) = _unpacked(file, "<I")
        fields[name] = _value(file, kind)
    return fields


def _value(file: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        inner, count = _unpacked(file, "<IQ")
        if count > _MOST_ITEMS or inner == _ARRAY:
            raise ValueError("too long")
        items = [_value(file, inner) for _ in range(count)]
        numbers = [one for one in items if isinstance(one, int)]
        # A number a layer: the largest is what a layer takes at most.
        return max(numbers) if numbers and len(numbers) == len(items) else None
    if kind not in _SCALARS:
        raise ValueError("unknown type")
    return _unpacked(file, _SCALARS[kind])[0]


def _text(file: BinaryIO) -> str:
    (length,) = _unpacked(file, "<Q")
    if length > _MOST_LENGTH:
        raise ValueError("too long")
    return file.read(length).decode(errors="replace")


def _unpacked(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
