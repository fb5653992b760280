"""How much context the engine takes: by the model's own words and the machine's memory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from core.engine.context import (
    DEFAULT_CTX,
    LEAST_CTX_A_SLOT,
    ModelShape,
    choose,
    free_memory,
    read_shape,
)
from core.engine.weights import default_weights

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30
SMALL = ModelShape(context_length=32_768, bytes_a_token=28_672, file_bytes=GIB)


@pytest.mark.parametrize(
    ("available", "parallel", "tokens", "limit"),
    [
        (64 * GIB, 2, 2 * 32_768, "the model's own limit"),
        (4 * GIB, 2, 2 * 18_432, "half of the memory"),  # 1 GiB over 28 KiB a token, two slots
        (4 * GIB, 1, 32_768, "the model's own limit"),
        (GIB, 2, DEFAULT_CTX, "half of the memory"),  # too little for any: as much as a task needs
        (None, 2, DEFAULT_CTX, "not known"),
        (None, 64, 64 * LEAST_CTX_A_SLOT, "not known"),
    ],
)
def test_as_much_as_model_and_memory_allow(
    available: int | None, parallel: int, tokens: int, limit: str
) -> None:
    """Half of what is free, less the weights; at most what the model was trained on."""
    found = choose(SMALL, available, parallel)
    assert found.tokens == tokens
    assert limit in found.limit


def test_a_model_with_a_short_context_gets_no_more() -> None:
    """Also where memory is short: it could not use what it was not trained on."""
    short = ModelShape(context_length=2048, bytes_a_token=28_672, file_bytes=GIB)
    assert choose(short, GIB, 2).tokens == 4096


@pytest.mark.engine
def test_the_default_model_says_its_shape() -> None:
    """30 layers of 3 key and value heads of 64 numbers each, and 8,192 tokens."""
    shape = read_shape(default_weights())
    assert shape is not None
    assert (shape.context_length, shape.bytes_a_token) == (8192, 30 * 3 * 2 * 64 * 2)


def header(*fields: tuple[str, int, bytes], count: int | None = None) -> bytes:
    """A GGUF file's beginning with these keys: name, type and value."""
    keys = len(fields) if count is None else count
    packed = b"".join(
        struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value
        for name, kind, value in fields
    )
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, keys) + packed


def text(value: str) -> bytes:
    """A string as a GGUF file has it."""
    return struct.pack("<Q", len(value)) + value.encode()


def number(value: int) -> bytes:
    """A number of 32 bits."""
    return struct.pack("<I", value)


ARCHITECTURE = ("general.architecture", 8, text("x"))
COMPLETE = (
    ARCHITECTURE,
    ("x.context_length", 4, number(4096)),
    ("x.block_count", 4, number(10)),
    ("x.embedding_length", 4, number(512)),
    ("x.attention.head_count", 4, number(8)),
)


def test_heads_may_differ_by_layer(tmp_path: Path) -> None:
    """A list of them counts by its largest; without any, keys have as many as queries."""
    path = tmp_path / "m.gguf"
    path.write_bytes(header(*COMPLETE))
    plain = read_shape(path)
    assert plain is not None
    assert plain.bytes_a_token == 10 * 8 * (64 + 64) * 2
    listed = struct.pack("<IQ", 4, 2) + number(2) + number(4)
    path.write_bytes(header(*COMPLETE, ("x.attention.head_count_kv", 9, listed)))
    found = read_shape(path)
    assert found is not None
    assert found.bytes_a_token == 10 * 4 * (64 + 64) * 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        header(ARCHITECTURE),
        header(*COMPLETE[:-1], ("x.attention.head_count", 4, number(0))),
        header(*COMPLETE[:-1], ("x.attention.head_count", 4, number(513))),
        header(*COMPLETE, count=1 << 40),
        header(("a", 8, struct.pack("<Q", 1 << 60))),
        header(("a", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 9, 1))),
        header(("a", 9, struct.pack("<IQ", 0, 1 << 50))),
        header(("a", 77, b"")),
        header(*COMPLETE, count=99),
    ],
)
def test_what_says_nothing_is_unknown(tmp_path: Path, data: bytes) -> None:
    """Cut, without the keys, or with numbers that would take the memory itself."""
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    assert read_shape(path) is None
    assert read_shape(tmp_path / "none.gguf") is None


def test_a_group_may_allow_less_than_the_machine_has(tmp_path: Path) -> None:
    """What a container may still take counts; without a limit the machine's free memory."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 4096 kB\n")
    assert free_memory(meminfo, tmp_path) == 4 << 20
    (tmp_path / "memory.max").write_text("3145728\n")
    (tmp_path / "memory.current").write_text("1048576\n")
    assert free_memory(meminfo, tmp_path) == 2 << 20
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(meminfo, tmp_path) == 4 << 20
    assert free_memory(tmp_path / "none", tmp_path) is None
