"""What is said above the bakeoff pane about a run that ended, failed or can go on: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reflex_tui.shown_key import shown_key

if TYPE_CHECKING:
    from typing import Any

    from textual.app import App

    from core.errors import ReflexError
    from core.harness.bakeoff.progress import Finished
    from reflex_tui.panes.unfinished import Unfinished

# A report with one of these earns nothing here, whatever its figures are.
EARNS_NOTHING = frozenset(
    {"scripted", "demo", "unsandboxed", "partial", "subset", "server_changed", "aa"}
)
_VERDICTS = {"pass": ("✓", "success"), "fail": ("✖", "error")}


@dataclass(frozen=True, slots=True)
class BakeoffKeys:
    """The keys that the words name, as the user has them."""

    new: str = "n"
    resume: str = "r"
    promote: str = "p"

    @classmethod
    def of(cls, app: App[Any]) -> BakeoffKeys:
        """By the user's own keymap."""
        return cls(
            shown_key(app, "bakeoff.new", cls().new),
            shown_key(app, "bakeoff.resume", cls().resume),
            shown_key(app, "bakeoff.promote", cls().promote),
        )


@dataclass(frozen=True, slots=True)
class Said:
    """``words`` with their glyph, in the theme's colour ``tone``, and ``rest`` below them."""

    words: str
    rest: str = ""
    tone: str = "warning"


def finished_words(finished: Finished, keys: BakeoffKeys) -> Said:
    """The verdict, and what it allows."""
    gate = finished.report.gate
    if finished.stopped:
        return Said(
            f"▲ stopped: {len(finished.report.trials)} trials are kept",
            f"The report is partial and promotes nothing. {keys.resume} goes on where it was "
            "stopped.",
        )
    glyph, tone = _VERDICTS.get(gate["verdict"], ("▲", "warning"))
    rest = ""
    if not finished.recorded:
        rest = f"It promotes nothing: {finished.unrecorded}."
    elif gate["verdict"] == "pass":
        rest = _worth(set(finished.report.stamps), keys)
    return Said(f"{glyph} {gate['summary']}", rest, tone)


def error_words(what: str, error: ReflexError, keys: BakeoffKeys, *, kept: bool) -> Said:
    """What could not be done and why, and whether the trials so far are ``kept``."""
    first = f"What was done is kept; {keys.resume} goes on.\n" if kept else ""
    return Said(f"✖ {what}: {error.message}", first + error.remedy, "error")


def unfinished_words(found: Unfinished, keys: BakeoffKeys) -> Said:
    """How far a run is that was stopped, or is under way elsewhere."""
    far = f"{found.done} of {found.total} trials of {found.suite}"
    if found.under_way:
        return Said(f"▸ running elsewhere: {far}", " / ".join(found.arms), "reflex")
    return Said(f"▲ stopped at {far}", f"{keys.resume} goes on")


def _worth(stamps: set[str], keys: BakeoffKeys) -> str:
    # A demo's report is scripted, and counts in the demo's own workspace.
    barred = stamps & (EARNS_NOTHING - {"scripted", "demo"} if "demo" in stamps else EARNS_NOTHING)
    if barred:
        return f"It promotes nothing: stamped {', '.join(sorted(barred))}, see the report."
    return f"Reflex has earned Implement calls: {keys.promote} lets it serve."
