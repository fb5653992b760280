"""The user's own directories; none of them is created here.

A container with an arbitrary user id, systemd's DynamicUser and ``env -i`` have neither HOME nor an
entry in the passwd file. What only reads takes ``NoHome`` for "there is nothing of the user's".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from core.errors import NoHome

if TYPE_CHECKING:
    from pathlib import Path

_APP = "speckit-reflex"


def user_dir(kind: Literal["cache", "config", "data", "state"]) -> Path:
    """Where this user's files of a kind lie.

    Raises:
        NoHome: there is no home directory, and no XDG variable that says where instead.
    """
    import platformdirs  # costs start-up where unused

    try:
        path: Path = getattr(platformdirs, f"user_{kind}_path")(_APP, appauthor=False)
    except (RuntimeError, KeyError) as error:
        raise _no_home(kind) from error
    if not path.is_absolute():  # older platformdirs leave the ~ where they cannot resolve it
        raise _no_home(kind)
    return path


def demo_root() -> Path:
    """Where the demo's workspaces lie: the user's own state directory, out of any project."""
    return user_dir("state") / "demo"


def in_demo(workspace: Path) -> bool:
    """Whether a workspace is the demo's own."""
    try:
        return workspace.resolve().is_relative_to(demo_root().resolve())
    except NoHome:
        return False


def _no_home(kind: str) -> NoHome:
    return NoHome(
        "this user has no home directory",
        remedy=f"Set HOME, or XDG_{kind.upper()}_HOME, to a directory that you can write to.",
    )
