"""What an argument may be: numbers, ports, shards and paths, each with its one-line error."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

_Number = TypeVar("_Number", int, float)


def _read(kind: type[_Number], text: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{plain(text, 40)!r} is no number") from None


def positive(text: str) -> float:
    """A number over 0: milliseconds or seconds."""
    value = _read(float, text)
    if not 0 < value <= 600_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 600000")
    return value


def count(text: str) -> int:
    """A whole number, 0 included."""
    value = _read(int, text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


def from_one(text: str) -> int:
    """A whole number from 1."""
    value = _read(int, text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def shard(text: str) -> tuple[int, int]:
    """``I/N``: the Ith of N parts, counted from 1."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write I/N, for example 1/4")
    return int(part), int(parts)


def port(text: str) -> int:
    """A TCP port; 0 takes a free one."""
    value = _read(int, text)
    if not 0 <= value <= 65_535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535; 0 takes a free one)")
    return value


def path(text: str) -> Path:
    """A file or directory, whether it is there or not."""
    from pathlib import Path  # ``--help`` needs none, and it brings urllib.parse

    return Path(text)
