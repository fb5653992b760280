"""Edit formats: how a model says what to change, and the change made on a mapping of files."""

from __future__ import annotations

from core.harness.patchloop.edits.applying import Applied, apply
from core.harness.patchloop.edits.formats import (
    WHOLE_FILE_CHARACTERS,
    EditFormat,
    numbered,
    resolve,
    schema,
)
from core.harness.patchloop.edits.parsing import Edit, LineRange, SearchReplace, WholeFile, parse
from core.harness.patchloop.edits.paths import inside

__all__ = [
    "WHOLE_FILE_CHARACTERS",
    "Applied",
    "Edit",
    "EditFormat",
    "LineRange",
    "SearchReplace",
    "WholeFile",
    "apply",
    "inside",
    "numbered",
    "parse",
    "resolve",
    "schema",
]
