"""The help page: the keys that are true where the user stands, the commands, where things lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.slash import COMMANDS
from reflex_tui.widgets.lines import MUTED, left, line, title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from textual.content import Content

_KEY, _USAGE = 16, 34
SIGNS = (
    ("● up", "the server answers, serves the model and is ready"),
    ("▲ slow", "it answers, but over the latency limit"),
    ("✖ down", "it does not; what to do stands beside"),
    ("↳", "a fallback: an earlier backend failed"),
    ("? outcome_unknown", "decided, but no end of the call was ever recorded"),
)


def help_page(
    keys: Sequence[tuple[str, str]], places: Mapping[str, str], width: int
) -> list[Content]:
    """Keys as (key, what it does), commands, signs, and the files that matter by name."""
    lines = [title("KEYS HERE")]
    lines += [line(left(line((key, "bold $reflex")), _KEY), does) for key, does in keys]
    lines += [line(""), title("COMMANDS", ("type / and begin", MUTED))]
    lines += [
        line(left(line((command.usage, "bold")), _USAGE), (command.does, MUTED))
        for command in COMMANDS
    ]
    lines += [line(""), title("SIGNS")]
    lines += [line(left(sign, 20), (meaning, MUTED)) for sign, meaning in SIGNS]
    lines += [line(""), title("WHERE THINGS LIE")]
    lines += [line(left(name, _KEY), (place, MUTED)) for name, place in places.items()]
    return [left(each, width) for each in lines]


def readable(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without doubles, in the order given."""
    seen: dict[str, str] = {}
    for key, does in keys:
        seen.setdefault(does, key)
    return [(key, does) for does, key in seen.items()]
