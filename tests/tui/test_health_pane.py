"""What the health pane says and does: benefits, uptime, breaker, deep probe, chart and windows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule.index import Totals
from core.client.load import EngineLoad, load_between, parse_metrics
from core.client.server import Engine, EngineIdentity
from core.errors import UntrustedEndpoint
from core.monitor.drift import Watched
from core.monitor.pairs import PairedTasks
from core.monitor.savings import SavedFigure, Savings
from core.router.condition import Cause, DeepProbe
from core.router.decision import GateView
from core.router.shadowed import ShadowSummary
from core.stages import Mode
from reflex_tui import theme
from reflex_tui.app import ReflexApp
from reflex_tui.cli.health import _show
from reflex_tui.model.latencies import WINDOWS
from reflex_tui.model.rows import call_end
from reflex_tui.model.slash import parse
from reflex_tui.panes.health import HealthPane
from reflex_tui.watch.announcements import (
    CallsCame,
    CommandWanted,
    GpuSeen,
    LookWanted,
    ViewBlocked,
    ViewSeen,
    WindowSeen,
)
from reflex_tui.widgets.server_panel import ServerSection
from tests.support.tui.bench import came, dashboard
from tests.support.tui.health_states import priced, windowed
from tests.support.tui.making import (
    NOW,
    OPEN,
    StillClock,
    figure,
    healthy,
    passed,
    routing_view,
    settings,
    unhealthy,
)

if TYPE_CHECKING:
    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed

SIZES = [(80, 24), (120, 40), (160, 48)]
RECORDINGS = Path(__file__).parents[1] / "health" / "recordings"
SHADOW = ShadowSummary(120, 3, 94.2, 410.0, 1240.0)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Windowed:
    """What a capsule of 120 calls shows."""
    return windowed(tmp_path_factory.mktemp("seen") / "capsule", shadow=SHADOW)


@pytest.mark.parametrize("calls", [0, 120])
async def test_tasks_that_reflex_worked_on_unseen_are_counted(seen: Windowed, calls: int) -> None:
    """Who solved them, also where no call was compared by its words."""
    tasks = PairedTasks(both=9, reflex_only=2, cloud_only=3, neither=1)
    shadow = replace(SHADOW, calls=calls, tasks=tasks)
    async with dashboard(size=(120, 40)) as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(replace(seen, shadow=shadow)))
        assert "11 of 15 tasks" in " ".join(bench.shown().split())


@pytest.mark.parametrize(
    "size", [SIZES[0], *(pytest.param(one, marks=pytest.mark.slow) for one in SIZES[1:])]
)
async def test_the_four_reasons_are_in_sight_at_every_size(
    seen: Windowed, size: tuple[int, int]
) -> None:
    """Quick, saved, kept here, parity; and what the shadow calls showed."""
    async with dashboard(size=size) as bench:
        await bench.tell(ViewSeen(routing_view(configured=priced())), WindowSeen(seen))
        shown = " ".join(bench.shown().split())
        one_row = ("under a second 74 %", "saved $0.02", "74 % stayed local", "parity 96 %")
        rows = (
            "74 % of 120 calls took under a second",
            "$0.02 saved, at the cloud's prices",
            "74 % of all tokens stayed local",
            "96 % success against the cloud",
        )
        for figure in one_row if size == SIZES[0] else rows:
            assert figure in shown
        assert "94 % of 120 calls agreed" in shown


async def test_without_prices_it_says_what_to_set(seen: Windowed) -> None:
    """No dollars are claimed, and the keys are named."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(seen))
        assert "$" not in bench.shown()
        assert "set the prices in [cloud]" in bench.shown()


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((120, 40), "success parity: no valid gate pass "),
        ((160, 48), "success against the cloud: no valid gate pass "),
    ],
)
async def test_a_lapsed_gate_has_no_parity(
    seen: Windowed, size: tuple[int, int], said: str
) -> None:
    """What no longer holds is no reason, and that is said whole."""
    lapsed = GateView(valid=False, detail="stale", event=passed())
    async with dashboard(size=size) as bench:
        await bench.tell(ViewSeen(routing_view(gate=lapsed)), WindowSeen(seen))
        assert said in bench.shown()


async def test_a_pass_without_measurement_is_no_missing_pass(seen: Windowed) -> None:
    """As the demo's gate, which holds but has no parity; and the smallest sum is written whole."""
    planted = GateView(valid=True, detail="", event=passed() | {"metrics": {}})
    (local,) = (each for each in seen.today.backends if each.mode == Mode.REFLEX)
    today = replace(seen.today, backends=(replace(local, prompt=1, completion=0),))
    async with dashboard(size=(160, 48)) as bench:
        view = routing_view(gate=planted, configured=priced())
        await bench.tell(ViewSeen(view), WindowSeen(replace(seen, today=today)))
        assert "success against the cloud: not measured" in bench.shown()
        assert "< $0.0001  saved" in bench.shown()


async def test_before_the_evidence_is_read_nothing_is_claimed(seen: Windowed) -> None:
    """How far it is, then an empty day, then figures."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(None, 0.42))
        assert "◌ reading the evidence, 42 %" in bench.shown()
        assert "WHY, 1 h  ◌ reading …" in bench.shown()
        assert "LATENCY   ◌ reading" in bench.shown()
        await bench.tell(WindowSeen(replace(seen, today=Totals(0, 0))), came(()))
        assert "TODAY     no calls yet" in bench.shown()
        assert "no calls in the last 15 min" in bench.shown()
        await bench.tell(WindowSeen(seen))
        assert "took under a second" in bench.shown()


async def test_the_hour_shows_outages_and_what_nobody_saw(seen: Windowed) -> None:
    """Each state has its own glyph; the share is of what was seen."""
    async with dashboard(size=(160, 48)) as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(seen))
        (row,) = [row for row in bench.shown().splitlines() if "last hour" in row]
        assert all(glyph in row for glyph in "·█×▄")
        assert "up 92.5 %   48 min observed" in row


@pytest.mark.parametrize(("size", "drawn"), [((80, 24), False), ((160, 48), True)])
async def test_the_speed_of_late_is_drawn_beside_the_load(
    size: tuple[int, int],
    drawn: bool,  # noqa: FBT001
) -> None:
    """A bar a look, where there is room; the engine's shares stay in sight."""
    async with dashboard(size=size) as bench:
        for seconds, rate in ((0, 40.0), (1, 20.0), (2, 0.0), (3, 80.0)):
            at = NOW + timedelta(seconds=seconds)
            seen = replace(healthy(), checked_at=at, load=EngineLoad(1, 0, 0.93, rate))
            await bench.tell(ViewSeen(routing_view(seen)))
        (row,) = [row for row in bench.shown().splitlines() if "1 running" in row]
        assert ("·▄▂ ▇" in row) == drawn
        assert "80 tok/s" in row
        assert "prefix hits 93 %" in bench.shown()


@pytest.mark.parametrize("size", SIZES)
async def test_all_that_the_engine_tells_is_shown_as_the_command_line_says_it(
    size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its shares, what it refused, the graphics card, and what it lacks; no figure is cut."""
    load = EngineLoad(8, 3, 0.725, 118.0, 0.008, 1.0, {"max_num_queued_reqs": 100})
    short = "Its context is 1,024 tokens: enough for the patch loop's small files"
    seen = replace(healthy(), load=load, notices=(short,))
    _show(seen, settings(), as_json=False)
    told = capsys.readouterr().out
    async with dashboard(size=size) as bench:
        await bench.tell(ViewSeen(routing_view(seen)), GpuSeen("62 % busy, 14.2 of 24.0 GiB"))
        section = bench.app.screen.query_one(ServerSection)
        rows = [row.plain for row in section.lines(section.content_size.width)]
    words = " ".join(" ".join(rows).split())
    assert "…" not in words
    for each in ("8 running", "3 queued", "118 tok/s", "KV 0.8 %", "prefix hits 72.5 %"):
        assert each in words
        assert each in told
    for each in ("drafts kept 100 %", "100 refused since its start (max_num_queued_reqs)", short):
        assert each in words
        assert each in told
    assert "62 % busy, 14.2 of 24.0 GiB" in words


async def test_a_look_at_an_unhealthy_server_is_no_time_up() -> None:
    """The dashboard's own looks count as they are."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        (row,) = [row for row in bench.shown().splitlines() if "last hour" in row]
        assert "up 0 %" in row
        assert "█" not in row


async def test_the_breaker_counts_down_while_a_look_takes_its_time() -> None:
    """Seconds pass by the clock, not by the looks; never below zero."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(breaker=OPEN)))
        assert "retry in 12 s" in bench.shown()
        for seconds, left in ((5, "7 s"), (60, "0 s")):
            bench.clock.forward(seconds)
            bench.dashboard.tick()
            await bench.pilot.pause()
            assert f"retry in {left}" in bench.shown()


@pytest.mark.slow
async def test_every_threshold_has_value_bound_and_verdict_at_every_size() -> None:
    """Also where it is missed."""
    late = figure(2310.0, 2540.0, 2000.0, "fail")
    failed = passed(verdict="fail", misses=["p95_latency"])
    failed["metrics"] = failed["metrics"] | {"p95_latency": late}
    gate = GateView(valid=False, detail="p95_latency", event=failed, age_days=1.0)
    for size in SIZES:
        async with dashboard(size=size) as bench:
            await bench.tell(ViewSeen(routing_view(gate=gate)))
            (row,) = [row for row in bench.shown().splitlines() if "P95 latency  " in row]
            for text in ("2.31 s", "at most 2.54 s", "< 2.00 s", "✖ fail"):
                assert text in row
            assert "at least 88 %" in bench.shown()
            assert "0 of 198 failed" in bench.shown()


def drifted(**evidence: float) -> tuple[Watched, ...]:
    """The three promises, of 120 calls each, with some evidence against them."""
    return tuple(
        Watched(f"drift_{name}", 120, 9, 0.05, evidence.get(name, 0.2), 3000.0, 40, 300)
        for name in ("latency", "compliance", "outcomes")
    )


async def test_a_demotion_is_seen_coming() -> None:
    """Nothing before the first call; bars that fill; then why, and the way back."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        assert "LIVE" not in bench.shown()
        gate = GateView(valid=True, event=passed(), drift=drifted(latency=400.0))
        await bench.tell(ViewSeen(routing_view(gate=gate)))
        (row,) = [row for row in bench.shown().splitlines() if "LIVE" in row]
        assert "latency ━━━━━━━───│ 74 %" in row
        assert "replies ──────────│ 0 %" in row
        fallen = passed(verdict="fail", misses=["drift_latency"], cause="drift_latency")
        fallen["drift"] = {**drifted(latency=3100.0)[0].as_json()}
        gone = GateView(valid=False, detail="drift_latency", event=fallen)
        await bench.tell(ViewSeen(routing_view(gate=gone)))
        assert "✖ live calls have become slower than the threshold" in bench.shown()
        assert "latency ━━━━━━━━━━│ 9 of 120 too slow, 5 % may be" in bench.shown()
        assert "next:  Run a new bakeoff: code reflex bakeoff" in bench.shown()


async def test_what_the_hold_out_proves_is_told(seen: Windowed) -> None:
    """With its interval, or that there are too few calls yet; without a hold-out nothing."""
    proven = Savings(
        "today", 420, 400, 400, 20, 9000, 0,
        SavedFigure(1.2, 0.9, 1.5), "holdout", SavedFigure(1240.0, 900.0, 1580.0), None, (0, 0),
    )  # fmt: skip
    async with dashboard(size=(160, 48)) as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(seen))
        assert "proven" not in bench.shown()
        await bench.tell(WindowSeen(replace(seen, saved=proven)))
        assert "proven    saved $1.20 ($0.90 to $1.50)" in bench.shown()
        few = replace(proven, held_out=3, usd=None, seconds=None)
        await bench.tell(WindowSeen(replace(seen, saved=few)))
        assert "proven    too few calls yet: 3 held out, 400 compared" in bench.shown()


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_the_engines_own_load_comes_from_its_real_metrics(engine: str) -> None:
    """As recorded from the engines themselves."""
    text = (RECORDINGS / engine / "get_metrics.http").read_text()
    sample = parse_metrics(text)
    assert sample is not None
    load = load_between(None, sample, 0.0)
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(replace(healthy(), load=load))))
        assert f"{load.running} running   {load.queued} queued" in bench.shown()


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (Engine.SGLANG, "start it with --enable-metrics"),
        pytest.param(Engine.LLAMACPP, "start it with --metrics", marks=pytest.mark.slow),
        pytest.param(Engine.VLLM, "not published", marks=pytest.mark.slow),
    ],
)
async def test_an_engine_that_publishes_no_load_says_how_it_would(
    engine: Engine, told: str
) -> None:
    """One option away."""
    quiet = replace(healthy(), load=None, engine=EngineIdentity(engine, "1", "m"))
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(quiet)))
        assert told in " ".join(bench.shown().split())


class Asked(ReflexApp):
    """An application that remembers what its threads would be asked for."""

    CSS_PATH = str(theme.__file__).replace("theme.py", "reflex_tui.tcss")

    def __init__(self) -> None:
        super().__init__(settings(), clock=StillClock(), watch=False)
        self.asked: list[object] = []

    def on_look_wanted(self, message: LookWanted) -> None:
        """``r``, ``d`` and ``health --deep``."""
        self.asked.append(message.deep)
        super().on_look_wanted(message)


async def test_probes_are_asked_for() -> None:
    """Keys and commands post what the watching threads need."""
    app = Asked()
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.dashboard.is_whole:
            await pilot.pause()
        await pilot.press("r", "d")
        app.dashboard.post_message(CommandWanted(parse("health --deep")))
        await pilot.pause()
        await pilot.pause()
    assert app.asked == [False, True, True]


async def test_a_deep_probe_is_seen_to_run_and_its_result_stays() -> None:
    """Under way, then schema, times and rate; the next plain look keeps them."""
    probe = DeepProbe(61.0, 410.0, 118.0, 790, schema_held=True)
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        await bench.press("d")
        assert "◌ one short, constrained generation" in bench.shown()
        await bench.tell(ViewSeen(routing_view()))
        assert "◌ one short, constrained generation" in bench.shown()
        await bench.tell(ViewSeen(routing_view(replace(healthy(), deep=probe)), deep=True))
        await bench.tell(ViewSeen(routing_view()))
        assert "✓ schema  TTFT 61 ms  total 410 ms  118 tok/s" in bench.shown()
        assert "◌ one short" not in bench.shown()


async def test_a_failed_generation_says_why_and_what_to_do() -> None:
    """It stays after the next look finds the server well."""
    probe = DeepProbe(None, None, None, None, schema_held=False, error="the reply misses it")
    broken = replace(
        healthy(),
        ok=False,
        cause=Cause.GENERATION_FAILED,
        deep=probe,
        remedy=("Look at the engine's log.",),
    )
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view(broken), deep=True))
        await bench.tell(ViewSeen(routing_view()))
        assert "✖ the reply misses it" in bench.shown()
        assert "Look at the engine's log." in bench.shown()
        (row,) = [row for row in bench.shown().splitlines() if "last hour" in row]
        assert "up 100 %" in row


async def test_figures_and_chart_are_of_the_same_window(a_day: tuple[Record, ...]) -> None:
    """``w`` turns both, a click on a name too; older calls are asked for and put before."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        assert "BACKENDS  last 5 min" in bench.shown()
        assert "5 min ago" in bench.shown()
        for window in WINDOWS:
            await bench.press("w")
            assert f"BACKENDS  last {window.words}" in bench.shown()
            assert f"{window.words} ago" in bench.shown()
        one_minute = next(row for row in bench.shown().splitlines() if " 1m " in row)
        at = bench.shown().splitlines().index(one_minute)
        await bench.pilot.click(offset=(one_minute.index(" 1m ") + 1, at))
        await bench.drawn()
        assert "BACKENDS  last 1 min" in bench.shown()


@pytest.mark.slow
async def test_calls_before_the_first_page_are_asked_for(a_day: tuple[Record, ...]) -> None:
    """The window of a day is as long for the table as for the log."""
    later = tuple(replace(each, seq=each.seq + 5000) for each in a_day)
    old = replace(
        call_end(next(each for each in a_day if each.event_type == "LLMCall")),
        at=NOW - timedelta(hours=5),
        call_id="old",
    )
    async with dashboard() as bench:
        await bench.tell(came(later), ViewSeen(routing_view()))
        question = bench.dashboard.older_wanted
        assert question is not None
        assert question.edge == later[0].seq
        await bench.press("w", "w", "w", "w", "w")
        assert re.search(r"reflex +32 ", bench.shown())
        await bench.tell(CallsCame(question, (old,)))
        assert re.search(r"reflex +33 ", bench.shown())


async def test_the_chart_is_one_key_away_where_it_has_no_room(a_day: tuple[Record, ...]) -> None:
    """At 80 by 24 ``l`` gives it the pane; ``l`` takes it back."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        assert "2.00 s┤╌" not in bench.shown()
        await bench.press("l")
        assert "2.00 s┤╌" in bench.shown()
        assert "SERVER" not in bench.shown()
        assert "Window" in bench.offered()
        await bench.press("l")
        assert "SERVER" in bench.shown()


async def test_an_untrusted_server_bars_the_chart_too(seen: Windowed) -> None:
    """One screen, one thing to do."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()), WindowSeen(seen))
        await bench.press("l")
        await bench.tell(ViewBlocked(UntrustedEndpoint("no", remedy="")))
        assert "LATENCY" not in bench.shown()
        assert not {"Chart", "Window"} & bench.offered()


async def test_what_is_unhealthy_keeps_its_chart_above_the_remedy(
    a_day: tuple[Record, ...],
) -> None:
    """How it was until then is what one wants to know."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view(unhealthy())))
        shown = bench.shown()
        assert 0 < shown.index("2.00 s┤╌") < shown.index("WHAT TO DO")
        assert "code reflex engine" in shown


@pytest.mark.slow
async def test_a_theme_can_be_named() -> None:
    """``theme light`` needs no list; an unknown one opens it and says so."""
    async with dashboard() as bench:
        for wanted in ("light", "ansi", "dark", "nord"):
            await bench.tell(CommandWanted(parse(f"theme {wanted}")))
            await bench.pilot.pause()
            assert bench.app.theme in {f"reflex-{wanted}", wanted}
        await bench.tell(CommandWanted(parse("theme nosuch")))
        await bench.pilot.pause()
        assert bench.told() == ["no theme 'nosuch'; choose one"]


@pytest.mark.slow
async def test_it_draws_at_any_size_resized_wildly(
    seen: Windowed, a_day: tuple[Record, ...]
) -> None:
    """From 20 by 5 to 300 by 100, healthy or not, with and without the chart: nothing too wide."""
    sizes = [(20, 5), (300, 100), (61, 14), (60, 100), (116, 30), (300, 14), (80, 24), (115, 29)]
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()), WindowSeen(seen))
        for number, size in enumerate(sizes * 2):
            await bench.pilot.resize_terminal(*size)
            await bench.tell(ViewSeen(routing_view(unhealthy() if number % 3 == 0 else healthy())))
            if number % 2:
                await bench.press("l")
            await bench.pilot.pause()
            assert ("too small" in bench.shown()) == (size == (20, 5))
        pane = bench.dashboard.query_one(HealthPane)
        assert pane.is_attached
