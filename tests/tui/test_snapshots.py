"""Pictures of every state, held against those a person has looked at (``--snapshot-update``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.errors import CapsuleCorrupt, ConfigError
from reflex_tui.app import ReflexApp
from reflex_tui.model.latencies import DEFAULT
from reflex_tui.model.messages import (
    CapsuleBroken,
    CommandWanted,
    ConfigBroken,
    RecordsCame,
    ReportsSeen,
    ViewSeen,
    WindowSeen,
)
from reflex_tui.model.reports import ListedReport
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.watch.windows import look
from tests.support.tui.health_states import indexed
from tests.support.tui.making import (
    NO_GATE,
    NOW,
    OPEN,
    ROOT,
    StillClock,
    figure,
    ill,
    outlook,
    passed,
    settings,
)
from tests.support.tui.making import write_a_day as write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.message import Message
    from textual.pilot import Pilot

    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed

    Snap = Callable[..., bool]

SIZES = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((80, 24), (120, 40), (160, 48))]
THEMES = [pytest.param(f"reflex-{name}", id=name) for name in ("dark", "light")]
# No such directory: the help page names files of the user's own.
HOME = Path("/home/ada")
sizes = pytest.mark.parametrize("size", SIZES)
themes = pytest.mark.parametrize("theme", THEMES)


class Scene:
    """An application, what it is told, and the keys that are pressed before the picture.

    ``later`` is what it is told after the keys.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        keys: Sequence[str] = (),
        theme: str = "reflex-dark",
        configured: Any = None,
    ) -> None:
        self._messages = messages
        self._keys = keys
        self.app = ReflexApp(
            configured or settings(),
            clock=StillClock(),
            watch=False,
            theme_file=HOME / ".local/state/speckit-reflex/theme",
            keymap_file=HOME / ".config/speckit-reflex/keys.toml",
        )
        self.later: Sequence[Message] = ()
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
        for message in self.later:
            dashboard.post_message(message)
        await pilot.pause()
        dashboard._show_waiting_figures()  # else by a timer, before the picture or after
        for entry in pilot.app.screen.query("Input"):
            entry.cursor_blink = False  # type: ignore[attr-defined]
        for _ in range(3):  # a sheet is filled after it has been laid out, a chart drawn twice
            await pilot.app.workers.wait_for_complete()
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

    def one(stamp: str, verdict: str, **gate: Any) -> ListedReport:
        path = ROOT / f".speckit/eval/reflex-bakeoff-{stamp}.json"
        body = passed(verdict=verdict, **gate)
        return ListedReport(
            path, NOW, verdict, "reflex_patchloop_v1", ("reflex", "cloud"), gate=body
        )

    slow = figure(2310.0, 2540.0, 2000.0, "fail")
    failed = passed()["metrics"] | {"p95_latency": slow}
    return ReportsSeen(
        (
            one("20260112T103100Z", "pass"),
            one("20260111T101500Z", "inconclusive"),
            one("20260110T090000Z", "fail", metrics=failed, misses=["p95_latency"]),
            ListedReport(
                ROOT / ".speckit/eval/reflex-bakeoff-20260109T080000Z.json", problem="not JSON"
            ),
        )
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Windowed:
    """What the index of the day shows over the last quarter of an hour."""
    path = tmp_path_factory.mktemp("seen") / "capsule"
    with indexed(path, 40) as (_, index):
        return look(index, DEFAULT, NOW)


@sizes
@themes
def test_routing(
    snap_compare: Snap,
    a_day: tuple[Record, ...],
    seen: Windowed,
    size: tuple[int, int],
    theme: str,
) -> None:
    """The log, following, with the latencies and the chart beside it."""
    scene = Scene([ViewSeen(outlook()), came(a_day), WindowSeen(seen)], ["2"], theme)
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_routing_chart(
    snap_compare: Snap, a_day: tuple[Record, ...], seen: Windowed, size: tuple[int, int]
) -> None:
    """The latencies over the whole pane."""
    scene = Scene([ViewSeen(outlook()), came(a_day), WindowSeen(seen)], ["2", "l"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_time(
    snap_compare: Snap, a_day: tuple[Record, ...], seen: Windowed, size: tuple[int, int]
) -> None:
    """A time to go to is being typed, above a paused log with rows waiting."""
    new = RecordsCame(a_day[-4:])
    scene = Scene([ViewSeen(outlook()), came(a_day[:-4]), WindowSeen(seen)], ["2", "up", "t"])
    scene.later = [new]
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_filter(
    snap_compare: Snap, a_day: tuple[Record, ...], seen: Windowed, size: tuple[int, int]
) -> None:
    """A filter that is being typed, while paused."""
    told = [ViewSeen(outlook()), came(a_day), WindowSeen(seen)]
    scene = Scene(told, ["2", "up", "f", ">", "2", "s"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_empty(snap_compare: Snap, size: tuple[int, int]) -> None:
    """No decision was ever made."""
    scene = Scene([ViewSeen(outlook()), came(())], ["2"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_broken_capsule(snap_compare: Snap, size: tuple[int, int]) -> None:
    """The evidence does not hold."""
    error = CapsuleCorrupt(
        "events-000001.jsonl, line 587: its content does not agree with its hash",
        segment="events-000001.jsonl",
        line=587,
        remedy="Keep it as evidence: move the capsule aside, and a new log begins.",
    )
    scene = Scene([ViewSeen(outlook()), CapsuleBroken(error)], ["2"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_broken_config(snap_compare: Snap, size: tuple[int, int]) -> None:
    """The file was changed and cannot be used."""
    error = ConfigError(
        "/src/acme/api/stage0.toml:2: reflex.enabeld: unknown key; did you mean 'enabled'?",
        remedy="[reflex] takes: enabled, endpoint, model, timeout_ms, json_schema, candidates, "
        "capture_mode, fallback, thresholds, shadow, backends.",
    )
    assert Scene([ConfigBroken(error)]).looks_as_before(snap_compare, size)


def test_too_small(snap_compare: Snap) -> None:
    """Nothing would fit."""
    assert Scene([ViewSeen(outlook())]).looks_as_before(snap_compare, (40, 8))


@sizes
def test_command_bar(snap_compare: Snap, size: tuple[int, int]) -> None:
    """A slash command that is being typed."""
    scene = Scene([ViewSeen(outlook()), came(())], ["slash", "s"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
@pytest.mark.parametrize("page", ["help", "status", "check", "models"])
def test_sheets(snap_compare: Snap, page: str, size: tuple[int, int]) -> None:
    """What the commands open."""
    scene = Scene([ViewSeen(outlook()), came(()), CommandWanted.named(page)])
    assert scene.looks_as_before(snap_compare, size)


@sizes
def test_bakeoff_empty(snap_compare: Snap, size: tuple[int, int]) -> None:
    """No report: how to make the first."""
    scene = Scene([ViewSeen(outlook(gate=NO_GATE)), came(()), ReportsSeen(())], ["3"])
    assert scene.looks_as_before(snap_compare, size)


@sizes
@themes
def test_bakeoff(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    """Earlier reports, a failed one chosen."""
    scene = Scene([ViewSeen(outlook()), came(()), reports()], ["3", "down", "down"], theme)
    assert scene.looks_as_before(snap_compare, size)


@sizes
@themes
def test_detail(snap_compare: Snap, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    """A call that fell back, whole."""
    configured = settings(tmp_path)
    log = EventLog(configured.state_dir / "capsule", clock=(clock := StillClock()))
    write(log, clock, 10)
    scene = Scene(
        [ViewSeen(outlook()), came(log.tail(100))], ["2", "up", "up", "enter"], theme, configured
    )
    assert scene.looks_as_before(snap_compare, size)
    log.close()


@pytest.mark.parametrize("pane", ["2"])
def test_terminal_colours(snap_compare: Snap, a_day: tuple[Record, ...], pane: str) -> None:
    """The terminal's own colours."""
    scene = Scene([ViewSeen(outlook()), came(a_day)], [pane], "reflex-ansi")
    assert scene.looks_as_before(snap_compare, (80, 24))


def test_no_colour(
    snap_compare: Snap, a_day: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR: glyphs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    scene = Scene([came(a_day), ViewSeen(outlook(ill(), breaker=OPEN))], ["2", "up"])
    assert scene.looks_as_before(snap_compare, (80, 24))
