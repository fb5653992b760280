"""Python source as a syntax tree, made by one thread at a time.

CPython 3.11.7 and others count the depth of all threads' trees together: when a garbage collection
lets a second thread in while a tree is made, one of the two ends in a SystemError. The code that we
parse is a model's or a repository's, so it may also be no Python, or nested without end.
"""

from __future__ import annotations

import ast
import threading
import warnings

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
"""What ``parse`` raises for text that is no Python, or too deep."""
_one_at_a_time = threading.Lock()


def parse(text: str, file: str = "<unknown>") -> ast.Module:
    """The syntax tree; warnings of the code's style are not ours to tell.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError, OverflowError: See ``NOT_PYTHON``.
    """
    with _one_at_a_time, warnings.catch_warnings(action="ignore"):
        return ast.parse(text, file)
