"""The grammar of a reply in Markdown blocks, in the notation (GBNF) that all local engines take.

It admits what ``parse_fenced`` accepts, and nothing that it refuses but for a file given twice,
which a grammar cannot count. It lies beside the schemas, whose hash is part of a gate pass.
"""

from __future__ import annotations

import re
from functools import cache
from string import Template
from typing import TYPE_CHECKING

from core.fingerprint import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LEAST = 3
_FENCE = re.compile(r"^`{3,}", re.MULTILINE)


def fence_for(texts: Iterable[str]) -> str:
    """The backticks around blocks with these ``texts``: more than any line of theirs begins with.

    A reply may quote them, and a line of three backticks would end its block.
    """
    longest = max((len(run) for text in texts for run in _FENCE.findall(text)), default=0)
    return "`" * max(_LEAST, longest + 1)


def fence_grammar(editable: Sequence[str], *, info: str, fence: str) -> str:
    """The grammar of a reply about the files ``editable``: one block, or each under its heading.

    ``info`` is the language after the opening fence. No line of a block begins with ``fence``, and
    the reply ends after its last block.
    """
    root = "block"
    if len(editable) > 1:
        paths = " | ".join(_literal(path) for path in editable)
        file = f'"### " ({paths}) newline block'
        root = f"{file} (newline newline? {file}){{0,{len(editable) - 1}}}"
    ticks = len(fence) - 1
    return _template().substitute(
        root=root,
        opening=_literal(fence + info),
        closing=_literal(fence),
        ticks='("`" ' * ticks + ")?" * ticks,
    )


def _literal(text: str) -> str:
    """``text`` as a terminal; paths hold no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@cache
def _template() -> Template:
    return Template((SCHEMAS / "fence.gbnf").read_text(encoding="utf-8"))
