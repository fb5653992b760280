"""The files a log is made of: their names, opening them, walking their lines both ways."""

from __future__ import annotations

import os
import re
import stat
from io import BytesIO
from typing import TYPE_CHECKING

from core.capsule.record import MAX_LINE_BYTES
from core.errors import CapsuleError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"events-([0-9]{6,12})\.jsonl")
_BLOCK = 1 << 18
_NEXT_BLOCK = 1 << 16


def segment_name(number: int) -> str:
    """``events-000001.jsonl`` for 1."""
    return f"events-{number:06d}.jsonl"


def segment_numbers(directory: Path) -> list[int]:
    """The segments there are, in order; none where there is no capsule."""
    try:
        names = os.listdir(directory)  # noqa: PTH208  asked often, names alone
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(directory, error) from error
    matches = (match for match in map(_NAME.fullmatch, names) if match)
    return sorted(int(match[1]) for match in matches if match[0] == segment_name(int(match[1])))


def open_private(path: Path, flags: int) -> int:
    """Open a plain file of the capsule, 0600 when it is made; a link could lead to anything.

    Raises:
        CapsuleError: it is a link, or no plain file.
        OSError: as ``os.open`` raises it.
    """
    made = bool(flags & os.O_CREAT)
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise _not_plain(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_plain(path)
    if made:
        os.fchmod(fd, 0o600)
    return fd


def _not_plain(path: Path) -> CapsuleError:
    return CapsuleError(
        f"{plain(path)} is not a plain file", remedy="Remove it; a capsule holds plain files only."
    )


def open_segment(directory: Path, number: int) -> int:
    """A descriptor for reading.

    Raises:
        FileNotFoundError: there is no such segment.
        CapsuleError: it may not be read.
    """
    path = directory / segment_name(number)
    try:
        return open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> CapsuleError:
    return CapsuleError(
        f"{plain(path)} cannot be read: {plain(error.strerror or error)}",
        remedy="Make it readable for this user; a capsule is its owner's alone.",
    )


def lines_forward(fd: int, offset: int = 0, block: int = _BLOCK) -> Iterator[tuple[int, bytes]]:
    """``(offset, line)`` from ``offset`` to the file's end, as ``blocks_forward`` finds them."""
    for at, lines in blocks_forward(fd, offset, block):
        here = at
        for line in lines:
            yield here, line
            here += len(line)


def blocks_forward(
    fd: int, offset: int = 0, block: int = _BLOCK
) -> Iterator[tuple[int, list[bytes]]]:
    """``(offset of the first, lines)`` a few hundred at a time up to the end, each with its LF.

    Only the last may lack it: a write under way, or the beginning of a line beyond all limits.
    It comes alone.
    """
    carried = b""
    position = offset
    while data := os.pread(fd, max(block, len(carried)), position):
        position += len(data)
        lines = BytesIO(carried + data).readlines()
        carried = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if lines:
            yield offset, lines
        offset = position - len(carried)
        if len(carried) > MAX_LINE_BYTES:
            break
    if carried:
        yield offset, [carried]


def lines_backward(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """``(offset, line)`` from ``end`` back to the file's start; only the first may lack its LF."""
    for at, lines in blocks_backward(fd, end):
        offset = at + sum(map(len, lines))
        for line in reversed(lines):
            offset -= len(line)
            yield offset, line


def blocks_backward(fd: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """``(offset of the first, lines)`` from ``end`` back, a few hundred at a time.

    Each block's lines are in the file's order; only the very last line may lack its LF.
    """
    carried = b""
    position = end
    while position > 0:
        # Small at first: most callers want the last line or two.
        wanted = min(max(_NEXT_BLOCK if carried else 1 << 14, len(carried)), position)
        position -= wanted
        data = os.pread(fd, wanted, position)
        if len(data) < wanted:
            return  # a torn tail was cut off meanwhile
        lines = BytesIO(data + carried).readlines()
        carried = lines.pop(0)
        if lines:
            yield position + len(carried), lines
        if len(carried) > MAX_LINE_BYTES:
            break
    if carried:
        yield position, [carried]
