"""Pictures held against those a person has looked at (``--snapshot-update``), and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.errors import CapsuleCorrupt, ConfigError
from reflex_tui.watch.announcements import (
    CapsuleBroken,
    CommandWanted,
    ConfigBroken,
    RecordsCame,
    ReportsSeen,
    ViewSeen,
    WindowSeen,
)
from reflex_tui.watch.windows import look
from tests.support.tui.bench import came
from tests.support.tui.health_states import indexed
from tests.support.tui.making import (
    NO_GATE,
    NOW,
    OPEN,
    StillClock,
    routing_view,
    settings,
    unhealthy,
)
from tests.support.tui.making import write_a_day as write
from tests.support.tui.scenes import LARGE, MIDDLE, SIZES, SMALL, Scene, says

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed
    from tests.support.tui.scenes import Snap

# What the panes are for: every size, and the middle one in the light too.
LOOKS = [
    pytest.param(SMALL, "dark", id="dark-80x24", marks=pytest.mark.slow),
    pytest.param(MIDDLE, "dark", id="dark-120x40"),
    pytest.param(LARGE, "dark", id="dark-160x48", marks=pytest.mark.slow),
    pytest.param(MIDDLE, "light", id="light-120x40", marks=pytest.mark.slow),
]
looks = pytest.mark.parametrize(("size", "theme"), LOOKS)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Windowed:
    """What the index of the day shows over the last quarter of an hour."""
    path = tmp_path_factory.mktemp("seen") / "capsule"
    with indexed(path, 40) as (_, index):
        return look(index, NOW)


@looks
def test_routing(
    snap_compare: Snap,
    a_day: tuple[Record, ...],
    seen: Windowed,
    size: tuple[int, int],
    theme: str,
) -> None:
    """The log, following, with the latencies and the chart beside it."""
    told = [ViewSeen(routing_view()), came(a_day), WindowSeen(seen)]
    assert Scene(told, ["2"], f"reflex-{theme}").looks_as_before(snap_compare, size)


async def test_time(a_day: tuple[Record, ...], seen: Windowed) -> None:
    """A time to go to is being typed, above a paused log with rows waiting."""
    scene = Scene([ViewSeen(routing_view()), came(a_day[:-4]), WindowSeen(seen)], ["2", "up", "t"])
    scene.later = [RecordsCame(a_day[-4:])]
    shown = await scene.text(SMALL)
    says(shown, "t time", "▲ paused   2 new ↓ End")


@pytest.mark.slow
async def test_filter(a_day: tuple[Record, ...], seen: Windowed) -> None:
    """A filter that is being typed, while paused: what it leaves, and the keys that end it."""
    told = [ViewSeen(routing_view()), came(a_day), WindowSeen(seen)]
    shown = await Scene(told, ["2", "up", "f", ">", "2", "s"]).text(SMALL)
    says(shown, "10 of 44 rows   ▲ paused", "timeout, then fallback", "esc Clear filter")
    assert "healthy_and_thresholds_met  " not in shown


async def test_empty() -> None:
    """No decision was ever made: what makes one."""
    shown = await Scene([ViewSeen(routing_view()), came(())], ["2"]).text(SMALL)
    says(shown, "No decision yet", "$ code reflex serve", "whichever process makes it")


@pytest.mark.slow
async def test_broken_capsule() -> None:
    """The evidence does not hold."""
    error = CapsuleCorrupt(
        "events-000001.jsonl, line 587: its content does not agree with its hash",
        segment="events-000001.jsonl",
        line=587,
        remedy="Keep it as evidence: move the capsule aside, and a new log begins.",
    )
    shown = await Scene([ViewSeen(routing_view()), CapsuleBroken(error)], ["2"]).text(SMALL)
    says(shown, "✖ The evidence cannot be read", "line 587: its content does not agree")
    says(shown, "move the capsule aside", "$ code reflex events verify", "is not sent")


async def test_broken_config() -> None:
    """The file was changed and cannot be used."""
    error = ConfigError(
        "/src/acme/api/stage0.toml:2: reflex.enabeld: unknown key; did you mean 'enabled'?",
        remedy="[reflex] takes: enabled, endpoint, model, timeout_ms, json_schema, candidates, "
        "capture_mode, fallback, thresholds, shadow, backends.",
    )
    shown = await Scene([ConfigBroken(error)]).text(SMALL)
    says(shown, "✖ The configuration cannot be used", "did you mean", "capture_mode, fallback")
    says(shown, "A minimal valid file", "The last valid configuration stays in force")


async def test_too_small() -> None:
    """Nothing would fit."""
    shown = await Scene([ViewSeen(routing_view())]).text((40, 8))
    says(shown, "Terminal too small", "needs 60×14, is 40×8")


@pytest.mark.slow
async def test_command_bar() -> None:
    """A slash command that is being typed: those that begin so, and what each is for."""
    shown = await Scene([ViewSeen(routing_view()), came(())], ["slash", "s"]).text(SMALL)
    says(shown, "▌ /speckit.reflex stop ", "Stop the bakeoff", "/speckit.reflex status ")
    says(shown, "/speckit.reflex s", "tab Complete", "esc Close")


def test_help(snap_compare: Snap) -> None:
    """The longest of what the commands open."""
    scene = Scene([ViewSeen(routing_view()), came(()), CommandWanted.named("help")])
    assert scene.looks_as_before(snap_compare, LARGE)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("check", ("✓ pass, 3 d ago", "P95 latency", "at most 1.62 s")),
        pytest.param(
            "models",
            ("● qwen2.5-coder-7b-instruct   configured", "another-model"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "status",
            ("next Implement call → reflex", "/src/acme/api/stage0.toml"),
            marks=pytest.mark.slow,
        ),
        ("help", ("KEYS HERE",)),
    ],
)
async def test_sheets_say(page: str, words: tuple[str, ...]) -> None:
    """Each begins with what it is opened for."""
    scene = Scene([ViewSeen(routing_view()), came(()), CommandWanted.named(page)])
    for shown in (await scene.texts(*SIZES)).values():
        says(shown, *words)


async def test_bakeoff_empty() -> None:
    """No report: what one is for, and how to make the first."""
    told = [ViewSeen(routing_view(gate=NO_GATE)), came(()), ReportsSeen(())]
    shown = await Scene(told, ["3"]).text(SMALL)
    says(shown, "No bakeoff yet", "every Implement call goes to the cloud", "is under 2.00 s")
    says(shown, "Press n to start one", "$ code reflex bakeoff --suite reflex_patchloop_v1")


@pytest.mark.parametrize(("size", "theme"), [LOOKS[0], LOOKS[3]])
def test_detail(snap_compare: Snap, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    """A call that fell back, whole."""
    configured = settings(tmp_path)
    log = EventLog(configured.state_dir / "capsule", clock=(clock := StillClock()))
    write(log, clock, 10)
    scene = Scene(
        [ViewSeen(routing_view()), came(log.tail(100))],
        ["2", "up", "up", "enter"],
        f"reflex-{theme}",
        configured,
    )
    assert scene.looks_as_before(snap_compare, size)
    log.close()


def test_no_colour(
    snap_compare: Snap, a_day: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR: glyphs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    scene = Scene([came(a_day), ViewSeen(routing_view(unhealthy(), breaker=OPEN))], ["2", "up"])
    assert scene.looks_as_before(snap_compare, SMALL)
