"""The commands' way in: this installation's own packages, whatever the import path holds.

A user's project may have packages called ``core`` or ``reflex_tui`` too, on ``PYTHONPATH`` or in
the working directory, and Python would take those first. This module has the distribution's name,
which no project uses by chance, and puts the directory that it lies in before them.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import NoReturn

_ROOT = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  pathlib costs start-up


def _bind(package: str) -> None:
    found = PathFinder.find_spec(package)
    if found is None or found.origin != os.path.join(_ROOT, package, "__init__.py"):  # noqa: PTH118
        sys.path.insert(0, _ROOT)


for _package in ("core", "reflex_tui"):
    if _package not in sys.modules:
        _bind(_package)


def code() -> NoReturn:
    """``code``: ours when the first word is ``reflex``, else the next ``code`` on PATH."""
    from reflex_tui.cli import main

    main.code()


def speckit_reflex() -> NoReturn:
    """``speckit-reflex``: the same without the name that an editor also has."""
    from reflex_tui.cli import main

    main.speckit_reflex()


def reflex_tui() -> NoReturn:
    """``reflex-tui``: straight to the dashboard."""
    from reflex_tui.cli import main

    main.reflex_tui()
