"""Pictures of the bakeoff pane and its dialogs, and what they say at every size."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ConfigError, ReflexError
from core.harness.bakeoff.plan import Plan
from core.harness.gate.looks import Look
from core.harness.mining.suite_facts import SuiteFacts
from core.harness.report.derived import rederive
from core.harness.report.origins import by_origin
from core.harness.report.power import power_of
from core.harness.report.summary import summaries
from core.harness.report.tags import parity_by_tag
from core.router.decision import GateView
from core.router.enable import Done, Proposal, SettingChange
from core.settings.model import Cloud
from reflex_tui.model.estimate import ArmEstimate, Estimate, SuitePower, Unfinished
from reflex_tui.model.live import Live
from reflex_tui.model.reports import Detail, _tasks
from reflex_tui.model.reports import ListedReport as Listed
from reflex_tui.model.slash import BakeoffOptions
from reflex_tui.screens.bakeoff_start import BakeoffStart, CostSection
from reflex_tui.screens.leave import LeaveScreen
from reflex_tui.screens.promote import PromoteScreen
from reflex_tui.screens.report import ReportScreen
from reflex_tui.watch.announcements import (
    BakeoffEnded,
    BakeoffProgressed,
    RecordsCame,
    ReportsSeen,
    ViewSeen,
)
from tests.support.tui.bakeoffs import events, report, trials
from tests.support.tui.making import NO_GATE, ROOT, StillClock, routing_view, settings, unhealthy
from tests.support.tui.scenes import LARGE, MIDDLE, SIZES, SMALL, Scene, says

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from core.harness.report.document import Report
    from reflex_tui.screens.bakeoff_control import BakeoffControl
    from reflex_tui.screens.dashboard import Dashboard
    from tests.support.tui.scenes import Snap

    Act = Callable[[Pilot[None], BakeoffControl], Awaitable[None]]

LOOKS = [
    pytest.param(SMALL, "reflex-dark", id="dark-80x24", marks=pytest.mark.slow),
    pytest.param(MIDDLE, "reflex-dark", id="dark-120x40"),
    pytest.param(LARGE, "reflex-dark", id="dark-160x48", marks=pytest.mark.slow),
    pytest.param(MIDDLE, "reflex-light", id="light-120x40", marks=pytest.mark.slow),
]
PATH = ROOT / ".speckit/eval/reflex-bakeoff-20260112T103100Z.json"


class Acted(Scene):
    """A scene on the bakeoff pane in which something is done before the picture."""

    def __init__(self, act: Act, theme: str = "reflex-dark", told: Any = ()) -> None:
        seen = [ViewSeen(routing_view(gate=NO_GATE)), RecordsCame((), fresh=True)]
        super().__init__([*seen, *told], ["3"], theme)
        self._act = act

    async def play(self, pilot: Pilot[None]) -> None:
        """Tell it all, then act."""
        await super().play(pilot)
        dashboard: Dashboard = pilot.app.dashboard  # type: ignore[attr-defined]
        await self._act(pilot, dashboard.bakeoff)
        for _ in range(4):
            await pilot.pause()
        for entry in pilot.app.screen.query("Input"):
            entry.cursor_blink = False  # type: ignore[attr-defined]


def seen(snap: Snap, act: Act, size: tuple[int, int], theme: str, told: Any = ()) -> bool:
    """Whether it looks as before."""
    return Acted(act, theme, told).looks_as_before(snap, size)


async def show_run(
    pilot: Pilot[None], desk: BakeoffControl, of: int, done: Any, **how: Any
) -> None:
    """A run as far as ``done``, at a pace of a trial every two seconds."""
    clock = StillClock()
    desk.pane.live = Live(clock)
    desk.pane.running, desk.pane.watching = True, True
    for event in events(of, done, **how):
        clock.forward(0.7)
        desk.on_bakeoff_progressed(BakeoffProgressed(event))
    desk.pane.refresh_live()
    await pilot.pause()
    desk.pane.take_focus()


LOOK = Look(17, 16, 16, 100.0, 62.5, "open")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_going(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    """A run under way: cells of every state, figures, the verdict so far."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        done = trials(30, lost=(3, 17), later=(5, 8))[:-1]
        await show_run(pilot, desk, 68, done, looks=(17, 34, 51, 68), taken=(LOOK,))

    assert seen(snap_compare, act, size, theme)


@pytest.mark.slow
async def test_preparing() -> None:
    """Nothing is asked yet: servers are looked at, the sandbox attacked."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        desk.pane.live = Live(StillClock())
        desk.pane.running = desk.pane.watching = True
        await pilot.pause()

    for shown in (await Acted(act).texts(*SIZES)).values():
        says(shown, "◌ preparing")


@pytest.mark.slow
async def test_stopping_a_large_one() -> None:
    """A suite of hundreds of tasks, asked to stop: the marks that fit, and how many do not."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        await show_run(pilot, desk, 700, trials(90, lost=(3, 17)))
        desk.pane.stopping = True

    shown = await Acted(act).text(MIDDLE)
    says(shown, "180 of 1400 trials", "▲ stopping; finished trials are kept", "solved 88 of 90")
    assert shown.count("52 after that do not fit") == 2


async def test_could_not_go_on() -> None:
    """The run was refused at its start: why, and what to do."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        desk.pane.live = Live(StillClock())
        error = ReflexError(
            "the reflex arm is unhealthy: nothing listens at 127.0.0.1:3009 (connection refused)",
            remedy="\n".join(unhealthy().remedy),
        )
        desk.on_bakeoff_ended(BakeoffEnded(error))
        await pilot.pause()

    shown = await Acted(act).text(SMALL)
    says(shown, "✖ the bakeoff failed: the reflex arm is unhealthy", "127.0.0.1:3009 (connection")
    says(shown, "sglang serve", "vllm serve", "code reflex engine --port 3009")


def listed(made: Report, stamp: str) -> Listed:
    """The report as the list has it."""
    path = ROOT / f".speckit/eval/reflex-bakeoff-{stamp}.json"
    gate, arms = made.gate, tuple(made.arms)
    return Listed(
        path,
        made.created_at,
        gate["verdict"],
        made.suite.name,
        arms,
        made.stamps,
        gate,
        gate["decides"],
        model=made.arms["reflex"].model,
        solved=sum(each.solved for each in made.trials if each.arm == "reflex"),
        tasks=sum(each.arm == "reflex" for each in made.trials),
        suite_root=made.suite.root,
    )


def detail(made: Report) -> Detail:
    """The report whole."""
    return Detail(
        PATH,
        made,
        rederive(made),
        summaries(made),
        {
            name: tuple(a.answered_ms for t in made.trials if t.arm == name for a in t.attempts)
            for name in made.arms
        },
        _tasks(made),
        ("task-901: its tests need a network",),
        power_of(made),
        parity_by_tag(made),
        by_origin(made),
    )


WHOLE = report(trials(68, lost=(3, 17), later=(5, 8)))
PARTIAL = report(trials(20, lost=(3,)), stamps=("scripted", "partial"), minutes=90)
BAD = Listed(ROOT / ".speckit/eval/reflex-bakeoff-20260109T080000Z.json", problem="not JSON")


async def show_reports(pilot: Pilot[None], desk: BakeoffControl) -> None:
    """A whole report, a partial one, a damaged one."""
    desk._details[PATH] = detail(WHOLE)
    both = listed(WHOLE, "20260112T103100Z"), listed(PARTIAL, "20260112T090000Z")
    desk.show_reports((*both, BAD))
    await pilot.pause()
    desk.pane.take_focus()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_reports(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    """The newest report: gate, latency of both arms with the limit, what only one arm solved."""
    assert seen(snap_compare, show_reports, size, theme)


@pytest.mark.slow
async def test_stopped() -> None:
    """A run that was stopped can be gone on with; the partial report is marked as baseline."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        await show_reports(pilot, desk)
        about = {"suite": "reflex_patchloop_v1", "arms": {"reflex": 1, "cloud": 1}}
        desk.show_unfinished(Unfinished(PATH, 41, 136, under_way=False, about=about))
        await pilot.press("down", "space")
        await pilot.app.workers.wait_for_complete()

    shown = await Acted(act).text(SMALL)
    says(shown, "▲ stopped at 41 of 136 trials of reflex_patchloop_v1   r resumes it")
    says(shown, "◆ ", "✖ not JSON", "about 50 more first calls")


@pytest.mark.slow
async def test_elsewhere() -> None:
    """A bakeoff of another process is seen by its journal."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        about = {"suite": "reflex_patchloop_v1", "arms": {"reflex": 1, "cloud": 1}}
        desk.show_unfinished(Unfinished(PATH, 41, 136, under_way=True, about=about))
        await pilot.pause()

    for shown in (await Acted(act, told=[ReportsSeen(())]).texts(*SIZES)).values():
        says(shown, "▸ running elsewhere: 41 of 136 trials of reflex_patchloop_v1")


@pytest.mark.parametrize(("size", "theme"), LOOKS[1:3])
@pytest.mark.parametrize(
    "keys",
    [pytest.param((), id="overview"), pytest.param(("down",), id="task", marks=pytest.mark.slow)],
)
def test_report(
    snap_compare: Snap, size: tuple[int, int], theme: str, keys: tuple[str, ...]
) -> None:
    """A report whole, and a task that only one arm solved."""

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        await show_reports(pilot, desk)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, ReportScreen)
        await pilot.press(*keys)

    assert seen(snap_compare, act, size, theme)


def arm(name: str, model: str, *, local: bool, usd: float | None) -> ArmEstimate:
    """An arm over all tasks."""
    return ArmEstimate(name, model, local, 68, 204, 1.0, usd)


ALL = Estimate(
    suite="reflex_patchloop_v1",
    selected=68,
    tasks=68,
    left_out=(),
    trials=1,
    arms=(
        arm("reflex", "qwen2.5-coder-7b-instruct", local=True, usd=None),
        arm("cloud", "gpt-5-mini", local=False, usd=0.0003),
    ),
    seconds=244.0,
    basis="from the report of 2026-01-12 10:31",
    usd=0.02,
    usd_why="",
    limits="",
    power=SuitePower(87, 90.0, assumed=True),
)
SOME = replace(
    ALL,
    selected=3,
    trials=2,
    left_out=("task-901: its tests need a network",),
    seconds=None,
    basis="no earlier reply of cloud to estimate from",
    usd=None,
    usd_why="unknown yet: [cloud] has no price_input/output_per_million",
    limits="3 of the suite's 68 tasks are not the suite",
    power=SuitePower(0, 90.0, assumed=True),
)
SUITES = (
    SuiteFacts("polyglot_v1", own=False, tasks=24, languages={"go": 6, "python": 6, "rust": 6}),
    SuiteFacts("reflex_patchloop_v1", own=False, tasks=68, languages={"python": 68}),
    SuiteFacts(
        "mine",
        own=True,
        tasks=23,
        languages={"python": 23},
        kinds={"history": 3, "mutation": 20},
        age=timedelta(days=2),
        moved=4,
    ),
)
REFUSED = ConfigError(
    "the cloud arm is not configured: $OPENAI_API_KEY holds no key for https://api.openai.com/v1",
    remedy="export OPENAI_API_KEY=…, or name another server under [cloud]. A report at hand spares "
    "the cloud: --reuse-cloud REPORT. To see one without any: code reflex demo.",
)


@pytest.mark.parametrize(
    ("found", "size", "theme"),
    [
        (ALL, MIDDLE, "reflex-dark"),
        pytest.param(SOME, SMALL, "reflex-dark", marks=pytest.mark.slow),
        pytest.param(REFUSED, SMALL, "reflex-light", marks=pytest.mark.slow),
    ],
    ids=["all", "some", "refused"],
)
def test_start(
    snap_compare: Snap,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    theme: str,
    found: Any,
) -> None:
    """The start dialog: what it comes to, what it lacks, why it is refused."""
    monkeypatch.setattr(BakeoffStart, "_estimate", lambda _: None)
    monkeypatch.setattr(BakeoffStart, "_read_suites", lambda _: None)

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        tasks = "s*" if found is SOME else ""
        down = routing_view(unhealthy()) if found is SOME else routing_view()
        dialog = BakeoffStart(settings(), BakeoffOptions(tasks=tasks), lambda: down, {})
        await pilot.app.push_screen(dialog)
        dialog.query_one(CostSection).found = found
        dialog.post_message(BakeoffStart.SuitesRead(SUITES, ""))
        dialog.post_message(BakeoffStart.Looked(Plan(), found))

    assert seen(snap_compare, act, size, theme)


CHANGE = (
    SettingChange("-", 3, "enabled = false  # may it serve?"),
    SettingChange("+", 3, "enabled = true  # may it serve?"),
)
BACK = (
    SettingChange("-", 3, "enabled = true  # may it serve?"),
    SettingChange("+", 3, "enabled = false  # may it serve?"),
)
OFF = settings()
OFF = replace(OFF, reflex=OFF.reflex.model_copy(update={"enabled": False}), cloud=Cloud())
FILE = Path("/src/acme/api/stage0.toml")
STALE = GateView(valid=False, detail="model_changed", event={"stamps": []}, age_days=2)
PROPOSED: dict[str, Proposal | Done | ReflexError] = {
    "promote": Proposal(
        on=True, path=FILE, changes=CHANGE, routing_view=routing_view(configured=OFF)
    ),
    "refused": Proposal(
        on=True, path=FILE, changes=CHANGE, routing_view=routing_view(gate=STALE, configured=OFF)
    ),
    "done": Done(FILE, 3, routing_view()),
    "disable": Proposal(on=False, path=FILE, changes=BACK, routing_view=routing_view()),
    "error": ConfigError(f"{FILE}: cannot be written: Read-only file system"),
}


def test_promote(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that would change, and the state that it leads to."""
    monkeypatch.setattr(PromoteScreen, "_look", lambda _: None)

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        dialog = PromoteScreen(OFF, on=True)
        await pilot.app.push_screen(dialog)
        dialog.post_message(PromoteScreen.Looked(PROPOSED["promote"]))

    assert seen(snap_compare, act, MIDDLE, "reflex-dark")


@pytest.mark.slow
async def test_leave() -> None:
    """Asked once before a run is stopped by leaving: how far it is, and what stays."""

    class Going:
        alive = True

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        await show_run(pilot, desk, 68, trials(20))
        far = "41 of 136 trials are done"
        await pilot.app.push_screen(LeaveScreen(Going(), far, lambda: None))  # type: ignore[arg-type]

    shown = await Acted(act).text(SMALL)
    says(shown, "A bakeoff is running", "▸ 41 of 136 trials are done", "Finished trials are kept")
    says(shown, "Stop it and leave", "esc Stay")


@pytest.mark.slow
def test_without_colour(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: glyphs and words say it."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        await show_run(pilot, desk, 68, trials(30, lost=(3, 17), later=(5, 8))[:-1])

    assert seen(snap_compare, act, SMALL, "reflex-dark")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("done", ("✓ written", "enabled = true", "next call")),
        pytest.param(
            "disable",
            ("enabled = false", "every Implement call goes to the cloud"),
            marks=pytest.mark.slow,
        ),
        pytest.param("error", ("Read-only file system",), marks=pytest.mark.slow),
        ("refused", ("✖ refused: no valid gate pass (model_changed)", "Nothing was written")),
    ],
)
async def test_promote_says(
    monkeypatch: pytest.MonkeyPatch, name: str, words: tuple[str, ...]
) -> None:
    """What was written, what would be, or why nothing is."""
    monkeypatch.setattr(PromoteScreen, "_look", lambda _: None)

    async def act(pilot: Pilot[None], desk: BakeoffControl) -> None:
        dialog = PromoteScreen(OFF, on=name != "disable")
        await pilot.app.push_screen(dialog)
        dialog.post_message(PromoteScreen.Looked(PROPOSED[name]))

    for shown in (await Acted(act).texts(*SIZES)).values():
        says(shown, *words)
