"""Writing to a terminal or a pipe: JSON, colour where it is wanted, aligned columns."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from core.plain import plain, plain_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

_ENDLESS = 1e15
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def print_json(document: Any, *, indent: int | None = 2, to: TextIO | None = None) -> None:
    """One JSON document on stdout, in ASCII, so that no control character gets through."""
    print(plain_json(document, indent=indent), file=to)


def warn(text: str) -> None:
    """A warning on stderr, where it leaves a JSON document alone; nothing for an empty one."""
    if text:
        sys.stderr.write(f"warning: {plain(text, 600)}\n")


def coloured(text: str, colour: str) -> str:
    """``text`` in a colour when stdout is a terminal that takes it."""
    wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if wanted else text


def columns(rows: Iterable[Sequence[object]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as aligned lines, two blanks apart; columns in ``right`` are right-aligned."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def milliseconds(value: object) -> str:
    """``61 ms``, ``1.31 s``, or ``–`` for what is no number of milliseconds."""
    from core.figures import NONE, duration  # costs start-up where unused

    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _ENDLESS:
        return NONE
    return duration(value)


def shown(path: Path) -> Path:
    """``path`` as seen from the working directory, where it is below it."""
    from pathlib import Path

    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
