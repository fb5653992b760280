"""Which paths an edit may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import EditRejected
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_DRIVE = 2


def inside(path: str) -> bool:
    """``path`` is relative and stays below the directory it is taken from, on any system.

    Neither absolute nor with a drive, no empty, ``.`` or ``..`` part, no backslash, no control
    character. Symbolic links are not looked at: that is the writer's to do.
    """
    parts = path.split("/")
    return (
        not any(part in {"", ".", ".."} for part in parts)
        and "\\" not in path
        and path.isprintable()
        and not (len(path) >= _DRIVE and path[1] == ":")
    )


def check(path: str, editable: Sequence[str]) -> None:
    """Let ``path`` pass if it may be edited.

    Raises:
        EditRejected: It leads outside, or is not among ``editable``.
    """
    named = plain(path, 120)
    if not inside(path):
        raise EditRejected(f'The path "{named}" leads outside the workspace.')
    if path not in editable:
        allowed = ", ".join(plain(one, 120) for one in editable[:20])
        raise EditRejected(f'The file "{named}" may not be edited; these may: {allowed}.')
