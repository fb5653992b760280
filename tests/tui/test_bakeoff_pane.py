"""A bakeoff from the dashboard, as a user does it: start, watch, stop, go on, read, promote."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from core.settings import load_settings
from core.standin.scripted_server import start_scripted
from reflex_tui.model.estimate import newest_unfinished
from reflex_tui.model.reports import newest, read_report
from reflex_tui.model.slash import parse
from reflex_tui.panes.bakeoff import ReportList, TrialList
from reflex_tui.screens.bakeoff_start import BakeoffStart, CostSection
from reflex_tui.screens.leave import LeaveScreen
from reflex_tui.screens.pages import Sheet
from reflex_tui.screens.promote import PromoteScreen
from reflex_tui.screens.report import ReportScreen
from reflex_tui.watch.announcements import CommandWanted, ReportsSeen, UnfinishedSeen
from reflex_tui.widgets.section import Banner
from tests.support.bakeoff.arena import Arena, arena
from tests.support.patience import PATIENCE_S
from tests.support.tui.bakeoffs import report, running, trials, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reflex_tui.screens.bakeoff_control import BakeoffControl
    from tests.support.tui.bench import Bench


# A run of five tasks is not over before the keys have come, on any machine.
HELD_MS = 10_000


@pytest.fixture
async def ring(project: Path) -> AsyncIterator[Arena]:
    """Two servers, five tasks, thresholds that five good calls meet; reflex may not serve yet."""
    async with arena(project) as made:
        made.configure("[reflex.thresholds]\nconfidence = 0.2\n")
        file = project / "stage0.toml"
        file.write_text(file.read_text().replace("enabled = true", "enabled = false"))
        yield made


def desk_of(bench: Bench) -> BakeoffControl:
    """The bakeoff pane with what runs behind it."""
    return bench.dashboard.bakeoff


def said(bench: Bench) -> str:
    """What the pane says above."""
    banner = desk_of(bench).query_one(Banner)
    return f"{banner.words} {banner.rest}"


async def open_dialog(bench: Bench, options: str) -> BakeoffStart:
    """Type the slash command, and wait for the dialog's first answer."""
    bench.dashboard.post_message(CommandWanted(parse(f"bakeoff {options}")))
    await until(bench, lambda: isinstance(bench.app.screen, BakeoffStart))
    dialog = bench.app.screen
    assert isinstance(dialog, BakeoffStart)
    await until(bench, lambda: not dialog.query_one(CostSection).looking)
    return dialog


async def begin(bench: Bench, ring: Arena, options: str = "") -> None:
    """Start a bakeoff over the arena's suite."""
    dialog = await open_dialog(bench, f"--suite {ring.suite} {options}")
    await until(bench, lambda: dialog.plan is not None)
    await bench.press("enter")
    await until(bench, lambda: desk_of(bench).running)


async def over(bench: Bench) -> None:
    """Wait for the run's end."""
    await until(bench, lambda: not desk_of(bench).running)


async def see_files(bench: Bench, ring: Arena) -> None:
    """What the watcher of the reports would tell."""
    found = tuple(read_report(path) for path, _ in newest(ring.eval))
    bench.dashboard.post_message(ReportsSeen(found))
    bench.dashboard.post_message(UnfinishedSeen(newest_unfinished(ring.eval)))
    await bench.pilot.pause()


async def test_a_run_from_dialog_to_promotion(ring: Arena) -> None:
    """The whole way: cost, grid, verdict, report, the line that changes, the new state."""
    async with running(ring.settings) as bench:
        await bench.tell(ReportsSeen(()))
        assert "Press n to start one" in bench.shown()
        assert "New" in bench.offered()
        dialog = await open_dialog(bench, f"--suite {ring.suite}")
        await until(bench, lambda: dialog.plan is not None)
        assert "all 5 tasks" in bench.shown()
        assert "10   reflex 5, cloud 5" in bench.shown()
        assert "unknown yet" in bench.shown()
        await bench.press("enter")
        desk = desk_of(bench)
        await until(bench, lambda: desk.pane.live is not None and desk.pane.live.done >= 2)
        assert {"Stop"} <= bench.offered()
        assert "New" not in bench.offered()
        await over(bench)
        assert "✓ pass: every criterion clears" in said(bench)
        assert "p enables reflex" in said(bench)
        await until(bench, lambda: bench.shows("limit 2.00 s"))
        assert " on small" in bench.shown()
        assert "0 alone" in bench.shown()
        await bench.press("p")
        await until(bench, lambda: bench.shows("enabled = true"))
        assert "- enabled = false" in bench.shown()
        assert "next Implement call → reflex" in bench.shown()
        assert "enabled = false" in (ring.root / "stage0.toml").read_text()
        await bench.press("enter")
        await until(bench, lambda: bench.shows("✓ written"))
        assert "→ reflex: server healthy" in bench.shown()
        assert load_settings(ring.root / "stage0.toml").reflex.enabled
        assert "Write it" not in bench.offered()
        await bench.press("escape")
        assert not isinstance(bench.app.screen, PromoteScreen)


@pytest.mark.usefixtures("no_sandbox")
@pytest.mark.slow
async def test_a_run_is_stopped_and_gone_on_with(ring: Arena) -> None:
    """What is done is kept in a partial report; the rest is made up for, and it is one run."""
    ring.cloud_is(ttft_ms=HELD_MS)
    async with running(ring.settings) as bench:
        desk = desk_of(bench)
        await begin(bench, ring)
        await until(bench, lambda: desk.pane.live is not None and desk.pane.live.done >= 3)
        await bench.press("s")
        assert "Stop" not in bench.offered()
        await over(bench)
        assert "▲ stopped:" in said(bench)
        await see_files(bench, ring)
        kept = desk.pane.unfinished
        assert kept is not None
        assert 3 <= kept.done < 10
        assert "Resume" in bench.offered()
        (partial,) = newest(ring.eval)
        assert read_report(partial[0]).stamps == ("partial", "loosened", "other_suite")
        asked = len(ring.by_reflex.asked) + len(ring.by_cloud.asked)
        ring.cloud_is(ttft_ms=0)
        await bench.press("r")
        resumed = desk.pane.live
        assert resumed is not None
        await until(bench, lambda: resumed.started or not desk.running)
        assert resumed.done >= kept.done, said(bench)
        await over(bench)
        assert "✓ pass" in said(bench)
        again = len(ring.by_reflex.asked) + len(ring.by_cloud.asked) - asked
        assert again == 10 - kept.done
        await see_files(bench, ring)
        assert desk.pane.unfinished is None
        assert len(desk.pane.reports) == 2


@pytest.mark.slow
async def test_a_run_survives_other_panes(ring: Arena) -> None:
    """It goes on while the user looks elsewhere, and is there when he comes back."""
    async with running(ring.settings) as bench:
        await begin(bench, ring)
        await bench.press("1", "2")
        await over(bench)
        assert bench.dashboard.pane == "routing"
        await bench.press("3")
        assert "✓ pass" in bench.shown()


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
@pytest.mark.parametrize(
    ("key", "answer"),
    [pytest.param("q", "enter", marks=pytest.mark.slow), ("ctrl+c", "ctrl+c")],
)
async def test_leaving_asks_once_and_stops_in_order(ring: Arena, key: str, answer: str) -> None:
    """Escape stays; Enter, or the same key again, writes the partial report and leaves."""
    ring.cloud_is(ttft_ms=HELD_MS)
    async with running(ring.settings) as bench:
        desk = desk_of(bench)
        await begin(bench, ring)
        await until(bench, lambda: desk.pane.live is not None and desk.pane.live.done >= 1)
        await bench.press(key)
        assert isinstance(bench.app.screen, LeaveScreen)
        assert "partial report" in bench.shown()
        await bench.press("escape")
        assert desk.running
        await bench.press(key, answer)
        run = desk.run
        assert run is not None
        await until(bench, lambda: not run.alive)
        async with asyncio.timeout(PATIENCE_S):
            while bench.app.is_running and bench.app._exit is False:
                await asyncio.sleep(0.02)
    (partial,) = newest(ring.eval)
    assert "partial" in read_report(partial[0]).stamps
    assert newest_unfinished(ring.eval) is not None


@pytest.mark.slow
async def test_what_would_be_refused_cannot_be_started(ring: Arena) -> None:
    """The reason and what to do stand where the cost would; Enter does nothing."""
    async with running(ring.settings) as bench:
        dialog = await open_dialog(bench, "--suite no-such")
        await until(bench, lambda: bench.shows("no suite or path 'no-such'"))
        assert "Start" not in bench.offered()
        await bench.press("enter")
        assert bench.app.screen is dialog
        entry = dialog.query_one("#start-suite", Input)
        entry.value = str(ring.suite)
        dialog.query_one("#start-trials", Input).value = "0"
        await until(bench, lambda: bench.shows("trials must be from 1 to 100"))
        dialog.query_one("#start-trials", Input).value = "many"
        await until(bench, lambda: bench.shows("trials must be a number from 1, not 'many'"))
        dialog.query_one("#start-trials", Input).value = "2"
        dialog.query_one("#start-tasks", Input).value = "t01"
        await until(bench, lambda: bench.shows("1 of 5 tasks × 2 trials"))
        assert "does not count: 1 of the suite's 5 tasks" in bench.shown()
        assert "Start" in bench.offered()
        await bench.press("escape")
        assert not desk_of(bench).running


@pytest.mark.slow
async def test_the_cloud_without_a_key_is_refused_with_the_variable(ring: Arena) -> None:
    """What to set is named."""
    file = ring.root / "stage0.toml"
    text = file.read_text().replace(ring.cloud.endpoint, "https://api.openai.com/v1")
    file.write_text(text.replace("distant", "gpt-5-mini"))
    configured = load_settings(file)
    async with running(configured) as bench:
        await open_dialog(bench, f"--suite {ring.suite}")
        await until(bench, lambda: bench.shows("the cloud arm is not configured"))
        assert "export OPENAI_API_KEY=" in bench.shown()


@pytest.mark.slow
async def test_a_run_that_cannot_begin_says_why(ring: Arena) -> None:
    """The server went away between the dialog and the run: its remedy is there, and n again."""
    async with running(ring.settings) as bench:
        dialog = await open_dialog(bench, f"--suite {ring.suite}")
        await until(bench, lambda: dialog.plan is not None)
        await ring.reflex.__aexit__(None, None, None)
        await bench.press("enter")
        await until(bench, lambda: "✖" in said(bench))
        assert "the reflex arm is unhealthy" in said(bench)
        assert not desk_of(bench).running
        assert "New" in bench.offered()
        await ring.reflex.__aenter__()


@pytest.mark.slow
async def test_promotion_is_refused_without_a_pass(ring: Arena) -> None:
    """The reason is given, nothing can be written, and the file stays as it was."""
    before = (ring.root / "stage0.toml").read_text()
    async with running(ring.settings) as bench:
        await bench.press("p")
        await until(bench, lambda: bench.shows("✖ refused"))
        assert "no_bakeoff" in bench.shown()
        assert "Write it" not in bench.offered()
        await bench.press("enter", "escape")
        bench.dashboard.post_message(CommandWanted(parse("enable")))
        await until(bench, lambda: bench.shows("✖ refused"))
    assert (ring.root / "stage0.toml").read_text() == before


@pytest.mark.slow
async def test_reports_are_read_marked_and_compared(ring: Arena) -> None:
    """Enter shows who solved what alone, with diffs; c holds two against each other."""
    ring.eval.mkdir(parents=True)
    for stamp, made in (
        ("20260112T103100Z", report(trials(12, lost=(3,)))),
        ("20260111T103100Z", report(trials(12), minutes=1440)),
        ("20260110T103100Z", report(trials(12, lost=(4, 5)), minutes=2880)),
    ):
        file = ring.eval / f"reflex-bakeoff-{stamp}.json"
        file.write_text(made.model_dump_json())
    async with running(ring.settings) as bench:
        await see_files(bench, ring)
        await bench.app.workers.wait_for_complete()
        await bench.press("3", "enter")
        await until(bench, lambda: isinstance(bench.app.screen, ReportScreen))
        assert "solved at the first" not in bench.shown()
        await bench.press("down")
        assert "solved by cloud alone" in bench.shown()
        assert "[bold]not markup[/]" in bench.shown()
        assert "+    return a + b" in bench.shown()
        await bench.press("o", "c")
        assert "Overview" not in bench.app.clipboard
        assert "every criterion" not in bench.shown() or "undecided" in bench.shown()
        await bench.press("b")
        await until(bench, lambda: bench.shows("Compared"))
        await bench.press("escape", "p")
        await until(bench, lambda: isinstance(bench.app.screen, PromoteScreen))
        await bench.press("escape", "a")
        await until(bench, lambda: isinstance(bench.app.screen, BakeoffStart))
        assert bench.app.screen.query_one("#start-suite", Input).value == "reflex_patchloop_v1"
        await bench.press("escape", "c")
        await until(bench, lambda: isinstance(bench.app.screen, Sheet))
        assert "2026-01-11" in bench.shown()
        assert "no longer solved" in bench.shown()
        await bench.press("escape", "down", "down", "space", "up", "up")
        assert "◆" in bench.shown()
        await bench.press("c")
        await until(bench, lambda: bench.shows("2026-01-10") and bench.shows("Compared"))
        assert "2 newly solved" in bench.shown()
        await bench.press("escape", "down", "down", "space")
        assert "◆" not in bench.shown()


@pytest.mark.slow
async def test_a_task_of_a_run_opens_with_its_attempts(ring: Arena) -> None:
    """While it goes on, and afterwards with v."""
    ring.solve(4, 5)
    async with running(ring.settings) as bench:
        await begin(bench, ring)
        await over(bench)
        assert isinstance(bench.app.focused, ReportList)
        await bench.press("v")
        await bench.pilot.pause()
        assert isinstance(bench.app.focused, TrialList)
        assert "✖ not solved" in bench.shown()
        assert "tests fail, 1 attempt" in bench.shown()
        await bench.press("enter")
        assert isinstance(bench.app.screen, Sheet)
        assert "attempt 1" in bench.shown()


@pytest.mark.usefixtures("no_sandbox")
async def test_a_run_elsewhere_is_seen_and_left_alone(ring: Arena) -> None:
    """The journal that another process holds says how far it is; it cannot be gone on with."""
    ring.reflex_is(ttft_ms=200)
    stop = asyncio.Event()
    elsewhere = asyncio.create_task(ring.run(stop))
    async with running(ring.settings) as bench:
        await until(
            bench,
            lambda: (found := newest_unfinished(ring.eval)) is not None and found.done > 0,
        )
        bench.dashboard.post_message(UnfinishedSeen(newest_unfinished(ring.eval)))
        await bench.pilot.pause()
        assert "▸ running elsewhere" in said(bench)
        assert "Resume" not in bench.offered()
        bench.dashboard.post_message(CommandWanted(parse("bakeoff --resume")))
        await bench.pilot.pause()
        assert not desk_of(bench).running
    stop.set()
    await elsewhere


@pytest.mark.slow
async def test_the_suite_of_the_package_over_a_stand_in(project: Path) -> None:
    """Three real tasks in the sandbox, both arms a scripted server of its own process."""
    with start_scripted(
        suite="reflex_patchloop_v1", ttft_ms=1, tokens_per_s=0, owned_by="local-test"
    ) as server:
        (project / "stage0.toml").write_text(
            f'[reflex]\nendpoint = "{server.endpoint}"\nmodel = "{server.model}"\n'
            f'[cloud]\nendpoint = "{server.endpoint}"\nmodel = "{server.model}"\n'
        )
        async with running(load_settings(project / "stage0.toml"), size=(80, 24)) as bench:
            dialog = await open_dialog(bench, "--tasks ca*")
            await until(bench, lambda: dialog.plan is not None)
            worst = 0.0

            async def probe() -> None:
                nonlocal worst
                while True:
                    begun = time.perf_counter()
                    await asyncio.sleep(0.005)
                    worst = max(worst, time.perf_counter() - begun - 0.005)

            probing = asyncio.create_task(probe())
            await bench.press("enter")
            await until(bench, lambda: desk_of(bench).running)
            await over(bench)
            probing.cancel()
            print(f"longest stall of the event loop: {1000 * worst:.0f} ms")  # noqa: T201
            assert "oes not count" in said(bench)
            live = desk_of(bench).pane.live
            assert live is not None
            assert live.finished is not None
            assert {arm: live.score(arm).solved for arm in live.arms} == {
                "reflex": len(live.keys),
                "cloud": len(live.keys),
            }


@pytest.mark.slow
async def test_a_bug_in_a_run_is_not_swallowed(
    ring: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is shown as failed, and the dashboard goes on."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("core.harness.bakeoff.run.run_bakeoff", broken)

    async with running(ring.settings) as bench:
        dialog = await open_dialog(bench, f"--suite {ring.suite}")
        await until(bench, lambda: dialog.plan is not None)
        await bench.press("enter")
        await until(bench, lambda: bool(bench.app.bugs) and not desk_of(bench).running)
        assert "the bakeoff failed: a bug in Reflex ended it: ZeroDivisionError()" in said(bench)
        assert [type(bug) for bug in bench.app.bugs] == [ZeroDivisionError]
        bench.app.bugs.clear()
