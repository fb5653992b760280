"""What may follow ``/speckit.reflex bakeoff``: the same words as on the command line."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass

from core.plain import plain

_VALUED = ("--suite", "--arms", "--tasks", "--trials", "--candidates")
_ALONE = ("--resume", "--stop", "--report", "--compare")


class BadOptions(ValueError):
    """What was typed is no such option; ``str()`` says what would be."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the start dialog begins with, as text; ``action`` is what stood alone, or empty."""

    suite: str = ""
    arms: str = ""
    tasks: str = ""
    trials: str = ""
    candidates: str = ""
    action: str = ""


def parse_options(text: str) -> Options:
    """The options typed.

    Raises:
        BadOptions: One is unknown or lacks its value; the text names the nearest.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadOptions("a quotation mark is never closed") from None
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, given, value = word.partition("=")
        if name in _ALONE and not given:
            if len(words) > 1:
                raise BadOptions(f"{name} stands alone")
            found["action"] = name.removeprefix("--")
        elif name in _VALUED:
            value = value if given else next(rest, "")
            if not value or (not given and value.startswith("--")):
                raise BadOptions(f"{name} needs a value")
            found[name.removeprefix("--")] = value
        else:
            raise BadOptions(_unknown(name))
    return Options(**found)


def _unknown(name: str) -> str:
    known = (*_VALUED, *_ALONE)
    near = difflib.get_close_matches(name[:40], known, 1, cutoff=0.4)
    hint = f"did you mean {near[0]} ?" if near else f"it takes {' '.join(known)}"
    return f"bakeoff has no option {plain(name, 40)!r}; {hint}"
