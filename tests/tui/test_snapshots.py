"""Pictures of every state, held against those a person has looked at (``--snapshot-update``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.errors import CapsuleCorrupt, ConfigError
from reflex_tui.app import ReflexApp
from reflex_tui.messages import (
    CapsuleBroken,
    CommandWanted,
    ConfigBroken,
    OutlookSeen,
    RecordsCame,
    ReportsSeen,
)
from reflex_tui.panes.reports import Report
from reflex_tui.screens.dashboard import Dashboard
from tests.tui.making import NO_GATE, NOW, OPEN, ROOT, StillClock, ill, outlook, passed, settings
from tests.tui.making import write_a_day as write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from textual.message import Message
    from textual.pilot import Pilot

    from core.capsule import Record

    Snap = Callable[..., bool]

SMALL, LARGE = (pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((80, 24), (120, 40)))
SIZES = [SMALL, LARGE]
THEMES = [pytest.param(f"reflex-{name}", id=name) for name in ("dark", "light")]
# Each size and each theme once.
MIXED = [
    pytest.param((80, 24), "reflex-dark", id="dark-80x24"),
    pytest.param((120, 40), "reflex-light", id="light-120x40"),
]


class Scene:
    """An application, what it is told, and the keys that are pressed before the picture."""

    def __init__(
        self,
        messages: Sequence[Message],
        keys: Sequence[str] = (),
        theme: str = "reflex-dark",
        configured: Any = None,
    ) -> None:
        self._messages = messages
        self._keys = keys
        self.app = ReflexApp(configured or settings(), clock=StillClock(), watch=False)
        self.app.theme = theme
        self.app.animation_level = "none"

    async def play(self, pilot: Pilot[None]) -> None:
        """Tell it all, press the keys."""
        dashboard = pilot.app.screen
        while not (isinstance(dashboard, Dashboard) and dashboard.is_whole):
            await pilot.pause()
        for message in self._messages:
            target = pilot.app if isinstance(message, ConfigBroken) else dashboard
            target.post_message(message)
        await pilot.pause()
        for key in self._keys:
            await pilot.press(key)
        for entry in pilot.app.screen.query("Input"):
            entry.cursor_blink = False  # type: ignore[attr-defined]
        await pilot.app.workers.wait_for_complete()
        for _ in range(3):  # a sheet is filled after it has been laid out
            await pilot.pause()

    def looks_as_before(self, snap: Snap, size: tuple[int, int]) -> bool:
        """Whether the picture is the one on disk."""
        play: Callable[[Pilot[None]], Awaitable[None]] = self.play
        return snap(self.app, terminal_size=size, run_before=play)


def came(records: Sequence[Record]) -> RecordsCame:
    """The capsule's first page."""
    return RecordsCame(tuple(records), fresh=True)


def reports() -> ReportsSeen:
    """Four reports, one of them damaged."""

    def one(stamp: str, verdict: str, **gate: Any) -> Report:
        path = ROOT / f".speckit/eval/reflex-bakeoff-{stamp}.json"
        body = passed(verdict=verdict, **gate)
        return Report(path, NOW, verdict, "reflex_patchloop_v1", ("reflex", "cloud"), gate=body)

    slow = {"value": 2310.0, "bound": 2540.0, "threshold": 2000.0, "state": "fail"}
    failed = passed()["metrics"] | {"p95_latency": slow}
    return ReportsSeen(
        (
            one("20260112T103100Z", "pass"),
            one("20260111T101500Z", "inconclusive"),
            one("20260110T090000Z", "fail", metrics=failed, misses=["p95_latency"]),
            Report(ROOT / ".speckit/eval/reflex-bakeoff-20260109T080000Z.json", problem="not JSON"),
        )
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
def test_routing(
    snap_compare: Snap, a_day: tuple[Record, ...], size: tuple[int, int], theme: str
) -> None:
    """The log, following."""
    scene = Scene([OutlookSeen(outlook()), came(a_day)], ["2"], theme)
    assert scene.looks_as_before(snap_compare, size)


def test_wide(snap_compare: Snap, a_day: tuple[Record, ...]) -> None:
    """The log where there is room for the model as well."""
    scene = Scene([OutlookSeen(outlook()), came(a_day)], ["2"])
    assert scene.looks_as_before(snap_compare, (160, 48))


@pytest.mark.parametrize("size", SIZES)
def test_filter(snap_compare: Snap, a_day: tuple[Record, ...], size: tuple[int, int]) -> None:
    """A filter that is being typed, while paused."""
    scene = Scene([OutlookSeen(outlook()), came(a_day)], ["2", "up", "f", ">", "2", "s"])
    assert scene.looks_as_before(snap_compare, size)


def test_empty(snap_compare: Snap) -> None:
    """No decision was ever made."""
    scene = Scene([OutlookSeen(outlook()), came(())], ["2"])
    assert scene.looks_as_before(snap_compare, (80, 24))


def test_broken_capsule(snap_compare: Snap) -> None:
    """The evidence does not hold."""
    error = CapsuleCorrupt(
        "events-000001.jsonl, line 587: its content does not agree with its hash",
        segment="events-000001.jsonl",
        line=587,
        remedy="Keep it as evidence: move the capsule aside, and a new log begins.",
    )
    scene = Scene([OutlookSeen(outlook()), CapsuleBroken(error)], ["2"])
    assert scene.looks_as_before(snap_compare, (80, 24))


def test_broken_config(snap_compare: Snap) -> None:
    """The file was changed and cannot be used."""
    error = ConfigError(
        "/src/acme/api/stage0.toml:2: reflex.enabeld: unknown key; did you mean 'enabled'?",
        remedy="See stage0.toml.sample for every key.",
    )
    assert Scene([ConfigBroken(error)]).looks_as_before(snap_compare, (80, 24))


def test_too_small(snap_compare: Snap) -> None:
    """Nothing would fit."""
    assert Scene([OutlookSeen(outlook())]).looks_as_before(snap_compare, (40, 8))


@pytest.mark.parametrize("size", SIZES)
def test_command_bar(snap_compare: Snap, size: tuple[int, int]) -> None:
    """A slash command that is being typed."""
    scene = Scene([OutlookSeen(outlook()), came(())], ["slash", "s"])
    assert scene.looks_as_before(snap_compare, size)


@pytest.mark.parametrize("page", ["help", "status"])
def test_sheets(snap_compare: Snap, page: str) -> None:
    """What the commands open."""
    scene = Scene([OutlookSeen(outlook()), came(()), CommandWanted.named(page)])
    assert scene.looks_as_before(snap_compare, (80, 24))


@pytest.mark.parametrize("size", SIZES)
def test_bakeoff_empty(snap_compare: Snap, size: tuple[int, int]) -> None:
    """No report: how to make the first."""
    scene = Scene([OutlookSeen(outlook(gate=NO_GATE)), came(()), ReportsSeen(())], ["3"])
    assert scene.looks_as_before(snap_compare, size)


@pytest.mark.parametrize(("size", "theme"), MIXED)
def test_bakeoff(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    """Earlier reports, a failed one chosen."""
    scene = Scene([OutlookSeen(outlook()), came(()), reports()], ["3", "down", "down"], theme)
    assert scene.looks_as_before(snap_compare, size)


@pytest.mark.parametrize(("size", "theme"), MIXED)
def test_detail(snap_compare: Snap, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    """A call that fell back, whole."""
    configured = settings(tmp_path)
    log = EventLog(configured.state_dir / "capsule", clock=(clock := StillClock()))
    write(log, clock, 10)
    scene = Scene(
        [OutlookSeen(outlook()), came(log.tail(100))], ["2", "up", "up", "enter"], theme, configured
    )
    assert scene.looks_as_before(snap_compare, size)
    log.close()


@pytest.mark.parametrize("pane", ["2"])
def test_terminal_colours(snap_compare: Snap, a_day: tuple[Record, ...], pane: str) -> None:
    """The terminal's own colours."""
    scene = Scene([OutlookSeen(outlook()), came(a_day)], [pane], "reflex-ansi")
    assert scene.looks_as_before(snap_compare, (80, 24))


def test_no_colour(
    snap_compare: Snap, a_day: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR: glyphs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    scene = Scene([came(a_day), OutlookSeen(outlook(ill(), breaker=OPEN))], ["2", "up"])
    assert scene.looks_as_before(snap_compare, (80, 24))
