"""``code`` is also an editor's command: the next one on PATH runs for all but ``code reflex``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from core.plain import plain

NAME = "code"


def next_on_path(own: Path, search: str) -> Path | None:
    """The first executable ``code`` on ``search`` after ``own``.

    Only later directories count, so that two installations of Reflex never call each other in a
    circle; when ``own`` is not on ``search`` at all, every directory does.
    """
    candidates = [Path(directory or ".") / NAME for directory in search.split(os.pathsep)]
    ours = [index for index, path in enumerate(candidates) if _same(path, own)]
    after = candidates[ours[0] + 1 :] if ours else candidates
    return next((path for path in after if _runs(path) and not _same(path, own)), None)


def pass_through(argv: list[str]) -> NoReturn:
    """Become the next ``code`` on PATH: arguments, exit status and terminal are its own."""
    target = next_on_path(Path(sys.argv[0]), os.environ.get("PATH", os.defpath))
    if target is None:
        asked = plain(f"`code {' '.join(argv)}`".replace(" `", "`"), 300)
        sys.stderr.write(
            f"code: {asked} is not for Reflex, and there is no other `code` on PATH.\n"
            "For Reflex: code reflex --help. For the editor: install its `code` command.\n"
        )
        raise SystemExit(127)
    sys.stdout.flush()
    try:
        os.execv(target, [NAME, *argv])  # noqa: S606  no shell: the arguments go on untouched
    except OSError as error:
        sys.stderr.write(f"code: {plain(target)} cannot be run: {error.strerror}\n")
        raise SystemExit(126) from None


def _same(path: Path, own: Path) -> bool:
    try:
        return path.samefile(own)
    except OSError:
        return False


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
