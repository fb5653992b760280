"""Pictures of the health pane in every state, at three sizes, dark and light."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.capsule.index import Totals
from core.errors import UntrustedEndpoint
from core.router.condition import DeepProbe
from core.router.shadow import ShadowSummary
from core.settings import Source
from core.stages import Mode
from reflex_tui.model.messages import ViewBlocked, ViewSeen, WindowSeen
from tests.support.tui.health_states import priced, windowed
from tests.support.tui.making import (
    NO_GATE,
    OPEN,
    StillClock,
    healthy,
    ill,
    outlook,
    settings,
    write_a_day,
)
from tests.tui.test_snapshots import Scene, came

if TYPE_CHECKING:
    from textual.message import Message

    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed
    from tests.tui.test_snapshots import Snap

SIZES = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((80, 24), (120, 40), (160, 48))]
THEMES = [pytest.param(f"reflex-{name}", id=name) for name in ("dark", "light")]
PROBE = DeepProbe(61.0, 410.0, 118.0, 790, schema_held=True)
UNTRUSTED = UntrustedEndpoint(
    "stage0.toml:3: reflex.endpoint: https://llm.example/v1 is not on this machine, and a "
    "project's file chose it",
    remedy="If you trust that server: code reflex trust https://llm.example:443",
)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, ...]:
    """The records of a hundred and twenty calls."""
    path = tmp_path_factory.mktemp("calls")
    with EventLog(path, clock=(clock := StillClock())) as log:
        write_a_day(log, clock, 120)
        return tuple(log.tail(1000))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Windowed:
    """What the index of the same calls shows."""
    shadow = ShadowSummary(120, 3, 94.2, 410.0, 1240.0)
    return windowed(tmp_path_factory.mktemp("seen") / "capsule", shadow=shadow)


def told(state: str, calls: tuple[Record, ...], seen: Windowed) -> list[Message]:
    """What the pane has been told in a state."""
    no_calls = dict.fromkeys(Mode, ())
    nothing = replace(seen, today=Totals(0, 0), slices=no_calls, hour={}, shadow=None)
    configured = priced()
    well = outlook(configured=configured)
    probed = outlook(replace(healthy(configured), deep=PROBE), configured=configured)
    down = outlook(ill(), breaker=OPEN, configured=configured)
    source = Source(None, settings().source.root, trusted=True)
    bare = replace(outlook(ill(), gate=NO_GATE), settings=replace(settings(), source=source))
    states: dict[str, list[Message]] = {
        "looking": [],
        "well": [came(calls), ViewSeen(well), WindowSeen(seen)],
        "chart": [came(calls), ViewSeen(well), WindowSeen(seen)],
        "deep": [came(calls), ViewSeen(probed, deep=True), WindowSeen(seen)],
        "ill": [came(calls), ViewSeen(down), WindowSeen(seen)],
        "unconfigured": [came(()), ViewSeen(bare)],
        "empty": [came(()), ViewSeen(outlook(gate=NO_GATE)), WindowSeen(nothing)],
        "reading": [came(calls), ViewSeen(outlook()), WindowSeen(None, 0.42)],
        "untrusted": [came(()), ViewBlocked(UNTRUSTED)],
    }
    return states[state]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    "state",
    ["looking", "well", "chart", "deep", "ill", "unconfigured", "empty", "reading", "untrusted"],
)
def test_health(
    snap_compare: Snap,
    *,
    calls: tuple[Record, ...],
    seen: Windowed,
    state: str,
    theme: str,
    size: tuple[int, int],
) -> None:
    """Each is drawn as a person has seen it and found it good."""
    scene = Scene(told(state, calls, seen), ["l"] if state == "chart" else [], theme)
    assert scene.looks_as_before(snap_compare, size)


@pytest.mark.parametrize("state", ["well", "ill"])
def test_health_in_the_terminals_own_colours(
    snap_compare: Snap, calls: tuple[Record, ...], seen: Windowed, state: str
) -> None:
    """The sixteen colours that the user chose."""
    scene = Scene(told(state, calls, seen), theme="reflex-ansi")
    assert scene.looks_as_before(snap_compare, (120, 40))


@pytest.mark.parametrize("state", ["well", "ill"])
def test_health_without_colour(
    snap_compare: Snap,
    calls: tuple[Record, ...],
    seen: Windowed,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR: glyphs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    scene = Scene(told(state, calls, seen))
    assert scene.looks_as_before(snap_compare, (120, 40))
