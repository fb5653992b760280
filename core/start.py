"""Starts a module of this installation as a process of its own.

A user's project may have a package that is called ``core`` too, on ``PYTHONPATH`` or in the working
directory. The child must not take it for ours, so it runs this file, which puts the directory
above ``core`` in front: ``python -P …/core/start.py MODULE ARGUMENT…``. It imports nothing of
``core`` itself.
"""

from __future__ import annotations

import os
import runpy
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def python_module(module: str) -> list[str]:
    """The command that runs ``module`` with this interpreter, whatever the import path holds.

    ``-P`` keeps the working directory, an untrusted project's, off the child's import path.
    """
    return [sys.executable, "-P", os.path.abspath(__file__), module]  # noqa: PTH100


if __name__ == "__main__":
    sys.path.insert(0, _ROOT)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
