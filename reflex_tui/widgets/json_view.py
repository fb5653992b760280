"""JSON as a person reads it: indented, its parts told apart, safe whatever it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pygments.token import Token  # type: ignore[import-untyped]
from textual.highlight import HighlightTheme, highlight

from core.plain import plain_block, plain_json
from reflex_tui.widgets.lines import MUTED, line

if TYPE_CHECKING:
    from textual.content import Content

MOST_CHARS = 32_000


class _Parts(HighlightTheme):
    """Keys, numbers and constants, in colours that every theme of ours has."""

    STYLES: dict[Any, str] = {  # noqa: RUF012  as its base has it
        Token.Name.Tag: "$reflex",
        Token.Keyword.Constant: "bold",
        Token.Literal.Number: "$cloud",
    }


def indented(value: Any) -> str:
    """The value as indented JSON, control characters and the like replaced."""
    return plain_block(_written(value), 1 << 30)


def json_text(value: Any, most: int = MOST_CHARS) -> Content:
    """The value as styled, indented JSON; beyond ``most`` characters it says how much is left."""
    text = _written(value)
    # Cut first: making tens of megabytes plain would stop the dashboard for seconds.
    content = highlight(plain_block(text[:most]), language="json", theme=_Parts)
    if len(text) > most:
        rest = f"\n… {len(text) - most:,} more characters; copying takes all of them"
        content = line(content, (rest, MUTED))
    return content


def _written(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except RecursionError:
        return plain_json(value, indent=2)
