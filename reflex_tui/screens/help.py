"""The help page: the keys that are true where the user stands, the commands, where things lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.plain import plain
from reflex_tui.first_config import config_place
from reflex_tui.slash import COMMANDS
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import MUTED, left, line, title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from textual.content import Content

    from core.settings import Settings

_KEY, _DOES, _USAGE, _SIGN = 16, 34, 34, 20
SIGNS = (
    ("● up", "the server answers, serves the model and is ready"),
    ("▲ slow", "it answers, but over the latency limit"),
    ("✖ down", "it does not; what to do stands beside"),
    ("◌", "nobody has looked yet, or something is being read"),
    ("×", "a call that failed; in the last hour: a minute in which the server was down"),
    ("·", "not known: no call, or nobody looked"),
    ("↳", "a fallback: an earlier backend failed"),
    ("? outcome_unknown", "decided, but no end of the call was ever recorded"),
)


def help_page(
    keys: Sequence[tuple[str, str, str]], places: Mapping[str, str], width: int
) -> list[Content]:
    """Keys as (key, what it does, id), commands, signs, and the files that matter by name."""
    lines = [title("KEYS HERE", ("the id at the right is for a file of your own keys", MUTED))]
    lines += [
        line(left(line((key, "bold $reflex")), _KEY), left(does, _DOES), (binding_id, MUTED))
        for key, does, binding_id in keys
    ]
    lines += [line(""), title("COMMANDS", ("type / and begin", MUTED))]
    for command in COMMANDS:
        usage = left(line((command.usage, "bold")), _USAGE)
        lines += hanging(usage, line((command.does, MUTED)), width)
    lines += [line(""), title("SIGNS")]
    for sign, meaning in SIGNS:
        lines += hanging(line(left(sign, _SIGN)), line((meaning, MUTED)), width)
    lines += [line(""), title("WHERE THINGS LIE")]
    for name, place in places.items():
        lines += hanging(line(left(name, _KEY)), line((place, MUTED)), width)
    return [left(each, width) for each in lines]


def readable(keys: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Without doubles of what they do, in the order given."""
    seen: dict[str, tuple[str, str, str]] = {}
    for each in keys:
        seen.setdefault(each[1], each)
    return list(seen.values())


def places(settings: Settings | None, theme_file: Path, keymap_file: Path) -> dict[str, str]:
    """Where the files that matter lie, by name; none while there are no settings."""
    if settings is None:
        return {}
    return {
        "configuration": config_place(settings),
        "evidence": plain(settings.state_dir / "capsule", 500),
        "reports": plain(settings.state_dir / "eval", 500),
        "theme": plain(theme_file, 500),
        "own keys": plain(keymap_file, 500),
    }
