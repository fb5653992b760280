"""What the dashboard says of the server: state, remedy, probes, latencies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import UntrustedEndpoint
from core.router.condition import DeepProbe
from reflex_tui import theme
from reflex_tui.app import ReflexApp
from reflex_tui.watch.announcements import LookWanted, ViewBlocked, ViewSeen
from reflex_tui.widgets.server_panel import RemedySection
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import (
    NO_GATE,
    OPEN,
    StillClock,
    healthy,
    routing_view,
    settings,
    unhealthy,
)

if TYPE_CHECKING:
    from core.capsule import Record


async def test_the_eye_meets_state_gate_breaker_and_next_call() -> None:
    """Each as glyph and word, with the reason of the next call."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        top = bench.shown().splitlines()
        assert "● up   gate ✓ pass, 3 d ago   breaker closed" in top[0]
        assert "next Implement call → reflex" in top[1]
        assert "✓ server healthy  ✓ gate passed 3 d ago  ✓ breaker closed" in top[1]
        await bench.tell(ViewSeen(routing_view(gate=NO_GATE)))
        said = bench.shown().splitlines()[1]
        assert "next Implement call → cloud: no bakeoff yet, so reflex may not serve" in said
        assert "✓ server  ✖ gate  · breaker" in said
        await bench.tell(ViewSeen(routing_view(breaker=OPEN)))
        assert "breaker ✖ open" in bench.shown().splitlines()[0]
        assert "retry in 12 s" in bench.shown()


async def test_the_remedy_comes_below_the_chart_and_goes_again(
    a_day: tuple[Record, ...],
) -> None:
    """Red with what to do; green with the charts once the server is back."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view(unhealthy())))
        assert "✖ down" in bench.shown()
        assert "WHAT TO DO" in bench.shown()
        await bench.tell(ViewSeen(routing_view()))
        assert "WHAT TO DO" not in bench.shown()
        assert "LATENCY" in bench.shown()


async def test_c_copies_the_remedys_commands_whole_one_after_another() -> None:
    """The screen shortens them, the clipboard does not; there is no such key while all is well."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(ViewSeen(routing_view()))
        assert "Copy" not in bench.offered()
        await bench.press("c")
        assert bench.app.clipboard == ""
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        assert "Copy" in bench.offered()
        await bench.press("c")
        assert bench.app.clipboard.startswith("sglang serve")
        assert bench.app.clipboard.endswith("--enable-cache-report")
        await bench.press("c", "c")
        assert bench.app.clipboard == "code reflex engine --port 3009"
        assert bench.dashboard.query_one(RemedySection).copied == 2


async def test_a_click_copies_the_command_under_the_pointer() -> None:
    """As the mouse would have it."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        lines = bench.shown().splitlines()
        row = next(index for index, line in enumerate(lines) if "code reflex engine" in line)
        await bench.pilot.click(offset=(lines[row].index("code reflex engine") + 3, row))
        await bench.pilot.pause()
        assert bench.app.clipboard == "code reflex engine --port 3009"


async def test_an_untrusted_server_has_a_screen_of_its_own() -> None:
    """Nothing else is claimed; the command that trusts it can be copied."""
    error = UntrustedEndpoint(
        "stage0.toml:3: https://llm.example/v1 is not on this machine",
        remedy="If you trust that server: code reflex trust https://llm.example:443",
    )
    async with dashboard() as bench:
        await bench.tell(ViewBlocked(error))
        assert "✖ untrusted" in bench.shown()
        assert "was not contacted" in bench.shown()
        assert "SERVER" not in bench.shown()
        await bench.press("c")
        assert bench.app.clipboard == "code reflex trust https://llm.example:443"
        await bench.tell(ViewSeen(routing_view()))
        assert "SERVER" in bench.shown()


async def test_a_deep_probe_is_kept_while_the_server_is_well() -> None:
    """The next plain look does not wipe its result off; an unhealthy server does."""
    probe = DeepProbe(61.0, 410.0, 118.0, 790, schema_held=True)
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(replace(healthy(), deep=probe)), deep=True))
        await bench.tell(ViewSeen(routing_view()))
        assert "✓ schema  TTFT 61 ms" in bench.shown()
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        assert "✓ schema" not in bench.shown()


async def test_looks_are_asked_for() -> None:
    """``r`` and ``d`` post what the watcher needs."""
    asked: list[bool] = []

    class Asked(ReflexApp):
        CSS_PATH = ReflexApp.CSS_PATH

        def on_look_wanted(self, message: LookWanted) -> None:
            asked.append(message.deep)

    Asked.CSS_PATH = str(theme.__file__).replace("theme.py", "reflex_tui.tcss")
    app = Asked(settings(), clock=StillClock(), watch=False)
    async with app.run_test() as pilot:
        while not app.dashboard.is_whole:
            await pilot.pause()
        await pilot.press("r", "d", "2", "r")
        await pilot.pause()
    assert asked == [False, True, False]


async def test_the_window_of_latencies_empties_with_time(a_day: tuple[Record, ...]) -> None:
    """After a quarter of an hour without calls nothing is claimed."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        assert "3 of 32 failed" in bench.shown()
        bench.clock.forward(3600)
        bench.dashboard.tick()
        await bench.pilot.pause()
        assert "no calls in the last 24 h" not in bench.shown()
        assert "3 of 32 failed" not in bench.shown()
        assert "● up" in bench.shown()
