"""The command line and the dashboard, both over the headless ``core``.

``cli/`` has one file a command. The dashboard is made of rooms whose imports point one way:

    app, web → screens → panes → widgets, watch → model

``watch/`` holds threads that read the workspace and ask the server; they only post messages.
``screens/dashboard`` takes those and puts what they bring into the panes. ``model/`` works out
what is shown and imports no Textual; ``widgets/`` draw it as lines of exactly the width they get.
``theme`` and ``terminal`` are the user's colours and terminal.

Importing it makes sure that ``core`` is the package beside it. A user's project may have one of
that name too, on ``PYTHONPATH`` or in the working directory, and would come first.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def _bind_core() -> None:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    found = PathFinder.find_spec("core")
    if found is None or found.origin != os.path.join(root, "core", "__init__.py"):  # noqa: PTH118
        sys.path.insert(0, root)


if "core" not in sys.modules:
    _bind_core()
