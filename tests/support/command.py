"""``code reflex …`` within this process: all that its user sees, without a process's start.

Exit statuses, streams that are closed and signals are a process's; a few tests of each command
start one for that.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from subprocess import CompletedProcess
from typing import TYPE_CHECKING
from unittest import mock

from reflex_tui.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


def reflex(
    here: Path, *arguments: str | Path, typed: str = "", environ: dict[str, str] | None = None
) -> CompletedProcess[str]:
    """Run it in ``here`` to its end; ``environ`` is the whole environment where it is given."""
    out, err = _stream(), _stream()
    typing = io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8")
    words = [str(each) for each in arguments]
    with (
        contextlib.chdir(here),
        mock.patch.dict(os.environ, environ or {}, clear=environ is not None),
        mock.patch.object(sys, "stdin", typing),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            status = run(words, "code reflex")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return CompletedProcess(words, status, _text(out), _text(err))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
