"""JSON as a person reads it: indented, its parts told apart, safe whatever it holds."""

from __future__ import annotations

import json
import re
from typing import Any

from textual.content import Content

from core.plain import plain_block
from reflex_tui.widgets.lines import MUTED, line

MOST_CHARS = 64_000
_PART = re.compile(r'("(?:[^"\\]|\\.)*")(:)?|\b(true|false|null)\b|(-?\d[\d.eE+-]*)')


def indented(value: Any) -> str:
    """The value as indented JSON, control characters and the like replaced."""
    return plain_block(json.dumps(value, indent=2, ensure_ascii=False, default=str), 1 << 30)


def json_text(value: Any, most: int = MOST_CHARS) -> Content:
    """The value as styled, indented JSON; beyond ``most`` characters it says how much is left."""
    text = indented(value)
    shown = text[:most]
    content = Content(shown)
    for found in _PART.finditer(shown):
        string, key, word, _number = found.groups()
        if key:
            content = content.stylize("$reflex", found.start(1), found.end(1))
        elif string is not None:
            continue
        else:
            content = content.stylize("bold" if word else "$cloud", found.start(), found.end())
    if len(text) > most:
        rest = f"\n… {len(text) - most:,} more characters; copying takes all of them"
        content = line(content, (rest, MUTED))
    return content
