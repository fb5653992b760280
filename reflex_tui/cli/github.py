"""GitHub Actions: annotations beside a workflow's run, and its summary page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitHub refuses a step's summary over 1 MiB as a whole.
MOST_SUMMARY_BYTES = 1_000_000


def on_github(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a step of a workflow on GitHub, or of a runner that says so."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command; ``level`` is ``error``, ``warning`` or ``notice``."""
    return f"::{level} title={_property(plain(title, 200))}::{_data(plain(message, 2000))}"


def add_summary(markdown: str, environ: Mapping[str, str] = os.environ) -> None:
    """Append to the job's summary page, where there is one; a failure is a message, no more."""
    name = environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        sys.stderr.write(f"warning: no job summary: {plain(name, 200)}: {error.strerror}\n")


def defused(line: str) -> str:
    """``line`` without the runner's older commands, which it obeys anywhere in a line."""
    return line.replace("##[", "## [")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
