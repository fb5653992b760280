"""What the user arranged in the routing log: filters kept by name of their text, columns left out.

It lies with the user, never in a project, and is read strictly: what is not what it should be is
as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.files import read_state, write_private
from reflex_tui.model.filters import FilterError, parse_filter
from reflex_tui.model.log_columns import LEFT_OUT, OPTIONAL

if TYPE_CHECKING:
    from pathlib import Path

NAME = "routing.json"
MOST_FILTERS = 12
_MOST_CHARS = 200
_MOST_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Preferences:
    """The filters kept, oldest first, and the names of the columns not shown."""

    filters: tuple[str, ...] = ()
    hidden: frozenset[str] = LEFT_OUT


def preferred(file: Path) -> Preferences:
    """What is in ``file``, as far as it can be used."""
    try:
        found = json.loads(read_state(file, limit=_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return Preferences()
    if not isinstance(found, dict):
        return Preferences()
    filters, hidden = found.get("filters"), found.get("hidden")
    texts = filters if isinstance(filters, list) else []
    names = hidden if isinstance(hidden, list) else LEFT_OUT
    return Preferences(
        tuple(dict.fromkeys(text for text in texts if _is_filter(text)))[:MOST_FILTERS],
        frozenset(name for name in names if isinstance(name, str) and name in OPTIONAL),
    )


def keep(file: Path, wanted: Preferences) -> None:
    """Keep it; a home that cannot be written only forgets it."""
    told = {"filters": list(wanted.filters), "hidden": sorted(wanted.hidden)}
    with contextlib.suppress(OSError):
        write_private(file, json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def _is_filter(text: object) -> bool:
    if not isinstance(text, str) or not text.strip() or len(text) > _MOST_CHARS:
        return False
    try:
        parse_filter(text)
    except FilterError:
        return False
    return text.isprintable()
