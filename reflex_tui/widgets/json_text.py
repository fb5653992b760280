"""JSON as a person reads it: indented, its parts told apart, safe whatever it holds."""

from __future__ import annotations

import json
import re
from typing import Any

from textual.content import Content, Span

from core.plain import plain_block, plain_json
from reflex_tui.widgets.lines import MUTED, line

MOST_CHARS = 64_000
_PART = re.compile(r'("(?:[^"\\]|\\.)*")(:)?|\b(true|false|null)\b|(-?\d[\d.eE+-]*)')


def indented(value: Any) -> str:
    """The value as indented JSON, control characters and the like replaced."""
    return plain_block(_written(value), 1 << 30)


def json_text(value: Any, most: int = MOST_CHARS) -> Content:
    """The value as styled, indented JSON; beyond ``most`` characters it says how much is left."""
    text = _written(value)
    # Cut first: making tens of megabytes plain would stop the dashboard for seconds.
    shown = plain_block(text[:most])
    spans = []
    for found in _PART.finditer(shown):
        string, key, word, _number = found.groups()
        if key:
            spans.append(Span(found.start(1), found.end(1), "$reflex"))
        elif string is None:
            spans.append(Span(found.start(), found.end(), "bold" if word else "$cloud"))
    content = Content(shown, spans)
    if len(text) > most:
        rest = f"\n… {len(text) - most:,} more characters; copying takes all of them"
        content = line(content, (rest, MUTED))
    return content


def _written(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except RecursionError:
        return plain_json(value, indent=2)
