"""One thing to tell the user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.plain import plain, plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Happening = Literal["breaker_opened", "pass_lapses", "demoted", "bakeoff_done"]
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class UserNotice:
    """What happened: a title of a few words, a sentence or two, and facts for programs.

    Everything in it may come from a project's files; ``environ`` and ``as_json`` give it without
    control characters and cut to length.
    """

    event: Happening
    title: str
    text: str
    facts: Mapping[str, str | float | bool | None] = field(default_factory=dict)

    def environ(self, workspace: Path) -> dict[str, str]:
        """The variables that the command gets."""
        return {
            "REFLEX_EVENT": self.event,
            "REFLEX_TITLE": plain(self.title, _LONGEST),
            "REFLEX_TEXT": plain(self.text, _LONGEST),
            "REFLEX_WORKSPACE": plain(workspace),
        }

    def as_json(self, workspace: Path) -> str:
        """One line of JSON, as the command reads it from its standard input."""
        facts = {
            name: plain(value, _LONGEST) if isinstance(value, str) else value
            for name, value in self.facts.items()
        }
        told = {
            "event": self.event,
            "title": plain(self.title, _LONGEST),
            "text": plain(self.text, _LONGEST),
            "workspace": plain(workspace),
            **facts,
        }
        return plain_json(told) + "\n"
