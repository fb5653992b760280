"""Pictures of the health pane's states, and what they say at every size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.capsule.index import Totals
from core.errors import UntrustedEndpoint
from core.router.condition import DeepProbe
from core.router.shadowed import ShadowSummary
from core.settings import Source
from reflex_tui.watch.announcements import ViewBlocked, ViewSeen, WindowSeen
from tests.support.tui.bench import came
from tests.support.tui.health_states import priced, windowed
from tests.support.tui.making import (
    NO_GATE,
    OPEN,
    StillClock,
    healthy,
    routing_view,
    settings,
    unhealthy,
    write_a_day,
)
from tests.support.tui.scenes import LARGE, MIDDLE, SIZES, SMALL, Scene, says

if TYPE_CHECKING:
    from textual.message import Message

    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed
    from tests.support.tui.scenes import Snap

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
    nothing = replace(seen, today=Totals(0, 0), hour={}, shadow=None, reasons={})
    configured = priced()
    up = routing_view(configured=configured)
    probed = routing_view(replace(healthy(configured), deep=PROBE), configured=configured)
    down = routing_view(unhealthy(), breaker=OPEN, configured=configured)
    source = Source(None, settings().source.root, trusted=True)
    bare = replace(
        routing_view(unhealthy(), gate=NO_GATE), settings=replace(settings(), source=source)
    )
    states: dict[str, list[Message]] = {
        "looking": [],
        "healthy": [came(calls), ViewSeen(up), WindowSeen(seen)],
        "deep": [came(calls), ViewSeen(probed, deep=True), WindowSeen(seen)],
        "down": [came(calls), ViewSeen(down), WindowSeen(seen)],
        "unconfigured": [came(()), ViewSeen(bare)],
        "empty": [came(()), ViewSeen(routing_view(gate=NO_GATE)), WindowSeen(nothing)],
        "reading": [came(calls), ViewSeen(routing_view()), WindowSeen(None, 0.42)],
        "untrusted": [came(()), ViewBlocked(UNTRUSTED)],
    }
    return states[state]


LOOKS = [
    pytest.param("healthy", "dark", SMALL, id="healthy-dark-80x24", marks=pytest.mark.slow),
    pytest.param("healthy", "dark", MIDDLE, id="healthy-dark-120x40"),
    pytest.param("healthy", "dark", LARGE, id="healthy-dark-160x48", marks=pytest.mark.slow),
    pytest.param("healthy", "light", MIDDLE, id="healthy-light-120x40", marks=pytest.mark.slow),
    pytest.param("down", "dark", SMALL, id="down-dark-80x24"),
    pytest.param("down", "dark", MIDDLE, id="down-dark-120x40", marks=pytest.mark.slow),
    pytest.param("unconfigured", "dark", SMALL, id="unconfigured-dark-80x24"),
    pytest.param("empty", "dark", MIDDLE, id="empty-dark-120x40"),
]


@pytest.mark.parametrize(("state", "theme", "size"), LOOKS)
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
    scene = Scene(told(state, calls, seen), theme=f"reflex-{theme}")
    assert scene.looks_as_before(snap_compare, size)


def test_health_without_colour(
    snap_compare: Snap,
    calls: tuple[Record, ...],
    seen: Windowed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR: glyphs and words say it all."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert Scene(told("down", calls, seen)).looks_as_before(snap_compare, MIDDLE)


SAYS = {
    "looking": ("◌ probing the server",),
    "deep": ("✓ schema", "TTFT 61 ms", "118 tok/s"),
    "reading": ("reading the evidence, 42 %",),
    "down": ("✖ down", "nothing listens at 127.0.0.1:3009", "WHAT TO DO"),
    "empty": ("no events yet", "no bakeoff yet"),
    "untrusted": ("was not contacted", "$ code reflex trust https://llm.example:443"),
}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(one, marks=pytest.mark.slow)
        if one in {"deep", "reading", "untrusted", "looking"}
        else one
        for one in SAYS
    ],
)
async def test_what_matters_is_said_at_every_size(
    calls: tuple[Record, ...], seen: Windowed, state: str
) -> None:
    """The words that tell a state are there whole, wherever there is room for the part."""
    needs_height = {"reading the evidence, 42 %", "no events yet"}
    for size, shown in (await Scene(told(state, calls, seen)).texts(*SIZES)).items():
        tall = size[1] >= 30
        says(shown, *(each for each in SAYS[state] if tall or each not in needs_height))
