"""Mutants of source in other languages: one small change in one line, whatever the language.

Whether it still compiles is the language's own compiler to say; what does not is dropped. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.harness.mining.mutants import Mutant
from core.harness.suites.reading import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

# Name, what is found, and what stands there afterwards.
_OPERATORS = tuple(
    (name, re.compile(pattern), new)
    for name, pattern, new in (
        ("boundary", r"(?<=\s)<=(?=\s)", "<"),
        ("boundary", r"(?<=\s)>=(?=\s)", ">"),
        ("boundary", r"(?<=[\w)\]] )<(?= [\w(])", "<="),
        ("boundary", r"(?<=[\w)\]] )>(?= [\w(])", ">="),
        ("comparison", r"(?<=\s)===(?=\s)", "!=="),
        ("comparison", r"(?<=\s)!==(?=\s)", "==="),
        ("comparison", r"(?<=\s)==(?=\s)", "!="),
        ("comparison", r"(?<=\s)!=(?=\s)", "=="),
        ("logic", r"(?<=\s)&&(?=\s)", "||"),
        ("logic", r"(?<=\s)\|\|(?=\s)", "&&"),
        ("arithmetic", r"(?<=[\w)\]] )\+(?= [\w(])", "-"),
        ("arithmetic", r"(?<=[\w)\]] )-(?= [\w(])", "+"),
        ("arithmetic", r"(?<=[\w)\]] )\*(?= [\w(])", "+"),
        ("constant", r"\btrue\b", "false"),
        ("constant", r"\bfalse\b", "true"),
        ("lost-update", r"(?<=[\w\])] )\+=(?=\s)", "-="),
        ("lost-update", r"(?<=[\w\])] )-=(?=\s)", "+="),
        ("off-by-one", r"(?<=[\s(\[,=])0(?=[\s)\];,])", "1"),
        ("off-by-one", r"(?<=[\s(\[,=])1(?=[\s)\];,])", "2"),
        ("negation", r"(?<=[\s(])!(?=[\w(])", ""),
    )
)
_FUNCTION = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))?\s+|export\s+|default\s+|async\s+|static\s+|public\s+|private\s+|const\s+)*"
    r"(?:fn|func|function|def)\b\s*(?:\([^)]*\)\s*)?([A-Za-z_]\w*)"
)
_COMMENT = re.compile(r"^\s*(//|/\*|\*|#)")
_TESTS_BELOW = re.compile(r"^\s*#\[cfg\(test\)\]|^\s*mod tests\b")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_MOST_LINE = 400


def line_mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of ``source``, in order; strings, comments and tests in the file stay."""
    if len(source) > MAX_FILE_BYTES:
        return
    lines = source.splitlines(keepends=True)
    function = ""
    for number, line in enumerate(lines):
        if _TESTS_BELOW.match(line):
            return
        named = _FUNCTION.match(line)
        function = named[1] if named else function
        if not function or _COMMENT.match(line) or len(line) > _MOST_LINE:
            continue
        code = _STRING.sub(lambda match: "_" * len(match[0]), line).partition("//")[0]
        for name, pattern, new in _OPERATORS:
            for match in pattern.finditer(code):
                changed = line[: match.start()] + new + line[match.end() :]
                yield Mutant(
                    path,
                    function,
                    name,
                    number + 1,
                    "".join((*lines[:number], changed, *lines[number + 1 :])),
                    line.strip(),
                    changed.strip(),
                )
