"""What an argument may be: numbers, ports, shards, paths and text, each with a one-line error."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_Number = TypeVar("_Number", int, float)
_MOST_PORTS = 65_535
_MOST = 600_000


def _read(kind: type[_Number], text: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{plain(text, 40)!r} is not a number") from None


def positive(text: str) -> float:
    """A number over 0 and at most 600,000: milliseconds or seconds."""
    value = _read(float, text)
    if not 0 < value <= _MOST:
        raise argparse.ArgumentTypeError(f"{plain(text, 40)} is out of range: over 0, up to 600000")
    return value


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` to ``most``; without ``most`` there is no limit."""
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def read(text: str) -> int:
        value = _read(int, text)
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{plain(text, 40)} is out of range: {wanted}")
        return value

    return read


count = whole(0)
from_one = whole(1)
port = whole(0, _MOST_PORTS)


def shard(text: str) -> tuple[int, int]:
    """``I/N``: the Ith of N parts, counted from 1."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(
            f"invalid shard {plain(text, 40)!r}: write I/N with I from 1 to N, for example 1/4"
        )
    return int(part), int(parts)


def words(text: str) -> str:
    """Text that is not blank."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def path(text: str) -> Path:
    """A file or directory, whether it exists or not."""
    from pathlib import Path  # ``--help`` needs none, and it brings urllib.parse

    return Path(text)
