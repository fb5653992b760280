"""The dashboard over a capsule of 1,000,000 events, while another process appends 1,000 a second.

First paint in a pseudo-terminal against a trivial Textual application, in turns; the routing log's
first rows, jumps, a filter over all rows, the event loop's lag, memory, and how far it is behind.

    python benchmarks/dashboard.py [--quick] [--json FILE]
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from dashboard_load import flood, make_workspace
from event_loop import IDLE, Probe, Turns, waited_for_a_core_ms
from table import Given, Result, Row, main, percentile

from core.capsule import EventLog
from core.capsule.index import Index
from core.settings import load_settings
from reflex_tui.app import ReflexApp
from reflex_tui.model.filters import LogFilter, parse_filter
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.terminal import collect_garbage_in_small_steps
from reflex_tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from collections.abc import Callable

    from reflex_tui.watch.announcements import RecordsCame

EVENTS, FEW_EVENTS = 1_000_000, 100_000
TRIVIAL = """
from textual.app import App
from textual.widgets import DataTable, Footer
class Trivial(App):
    def compose(self):
        yield DataTable()
        yield Footer()
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("a", "b", "c")
        table.add_rows([("first-cell", n, n) for n in range(20)])
Trivial().run()
"""
OURS = "import sys; from reflex_tui.cli.main import speckit_reflex; sys.exit(speckit_reflex())"


def first_paint_ms(arguments: list[str], marker: bytes, cwd: Path) -> float:
    """From starting a fresh process in a pseudo-terminal to ``marker`` on it."""
    master, slave = pty.openpty()
    os.set_blocking(master, True)
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    since = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment
    )
    os.close(slave)
    shown = b""
    try:
        while marker not in shown:
            shown += os.read(master, 65536)
        return 1000 * (time.perf_counter() - since)
    finally:
        process.kill()
        process.wait()
        os.close(master)


class Drawn:
    """When a row was last drawn, and where; taken from the log view's own drawing."""

    def __init__(self) -> None:
        self.at = 0.0
        original = LogView.render_line

        def render_line(view: LogView, y: int) -> Any:
            strip = original(view, y)
            index = view.scroll_offset.y + y
            if index < len(view.rows) and view.rows.row(index) is not None:
                self.at = time.perf_counter()
            return strip

        LogView.render_line = render_line  # type: ignore[assignment, method-assign]


async def until(true: Callable[[], Any], patience_s: float = 60.0) -> None:
    """Wait, a millisecond at a time."""
    end = time.perf_counter() + patience_s
    while not true():
        if time.perf_counter() > end:
            raise TimeoutError(true)
        await asyncio.sleep(0.001)


async def took_ms(view: LogView, drawn: Drawn, action: Callable[[], object]) -> float:
    """From ``action`` until every row in sight is there and drawn."""

    def in_sight() -> bool:
        top, height = view.scroll_offset.y, view.scrollable_content_region.height
        rows = range(top, min(top + height, len(view.rows)))
        return bool(rows) and all(view.rows.row(index) is not None for index in rows)

    since = time.perf_counter()
    action()
    await until(in_sight)
    whole = time.perf_counter()
    view.refresh()
    await until(lambda: drawn.at > whole)
    return 1000 * (drawn.at - since)


def memory_mb() -> float:
    """What this process holds in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def session(workspace: Path, given: Given) -> dict[str, Any]:  # noqa: PLR0915  one story
    """One run of the dashboard over the workspace; figures by name."""
    found: dict[str, Any] = {}
    collect_garbage_in_small_steps()  # as the command does
    drawn, turns = Drawn(), Turns()
    read = partial(load_settings, workspace / "stage0.toml")
    app = ReflexApp(None, read=read, theme_file=workspace / "theme")
    async with app.run_test(size=(160, 48)):
        probe = Probe()
        board: Dashboard = app.dashboard
        await until(lambda: board.is_whole)
        up = time.perf_counter()
        board.action_pane("routing")
        await until(lambda: drawn.at > up)
        found["pane"] = 1000 * (drawn.at - up)
        routing, view = board.routing, board.routing.query_one(LogView)
        await until(lambda: routing.listing.before is not None)
        found["reachable"] = 1000 * (time.perf_counter() - up)
        await asyncio.sleep(2)
        found["lag at start"], found["own lag at start"] = max(probe.lags_ms), max(probe.own_ms)
        found["turn at start"] = max(turns.took_ms)
        before_mb = memory_mb()

        seconds = given.times(5, 15)
        updates: list[float] = []
        original = Dashboard.on_records_came

        def counted(board: Dashboard, message: RecordsCame) -> None:
            updates.append(time.perf_counter())
            original(board, message)

        Dashboard.on_records_came = counted  # type: ignore[assignment, method-assign]
        started_at = _head(workspace)
        idle = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed below
        beating = subprocess.Popen([sys.executable, "-c", IDLE], stdout=idle)  # noqa: ASYNC220
        writer = flood(workspace, seconds)
        await asyncio.sleep(0.1)  # the turn that collected and started processes is not its own
        beat, turn = len(probe.lags_ms), len(turns.took_ms)
        last = len(view.rows) - 1
        jumps: dict[str, list[float]] = {}
        own_jumps: list[float] = []
        actions: dict[str, Callable[[], object]] = {
            "Home": view.action_oldest,
            "End": view.action_follow,
            "scrollbar": lambda: view.scroll_to(y=last * 0.37, animate=False, force=True),
            "PageUp": lambda: view.action_page(-1),
            "time": lambda: view.jump(last * 2 // 3),
        }
        behind: list[int] = []
        round_number = 0
        while writer.poll() is None:
            for name, action in actions.items():
                if name == "scrollbar":
                    view.following = False
                waited_ms = waited_for_a_core_ms()
                jumps.setdefault(name, []).append(await took_ms(view, drawn, action))
                own_jumps.append(jumps[name][-1] - (waited_for_a_core_ms() - waited_ms))
                await asyncio.sleep(0.03)
            round_number += 1
            behind.append(_head(workspace) - board.events)
        written = time.perf_counter()
        head = _head(workspace)
        await until(lambda: board.events >= head)
        found["caught up"] = 1000 * (time.perf_counter() - written)
        found["behind"] = percentile(behind, 0.95)
        found["updates"] = len(updates) / max(updates[-1] - updates[0], 1e-9)
        found["rate"] = (head - started_at) / seconds
        found["jumps"] = {name: (median(all_), max(all_)) for name, all_ in jumps.items()}
        found["jump p95"] = percentile([each for all_ in jumps.values() for each in all_], 0.95)

        found["own jump p95"] = percentile(own_jumps, 0.95)

        filters = []
        for text in ("mode:cloud", "reason:no_bakeoff", ">900ms", "timeout"):
            since = time.perf_counter()
            routing.apply(parse_filter(text))
            await until(lambda: routing.listing.before is not None)
            filters.append((text, 1000 * (time.perf_counter() - since), len(view.rows)))
            jumps_ms = await took_ms(view, drawn, view.action_oldest)
            filters.append((f"{text}, Home", jumps_ms, 0))
        routing.apply(LogFilter())
        await until(lambda: routing.listing.before is not None)
        found["filters"] = filters
        await asyncio.sleep(1)
        found["lag"] = max(probe.lags_ms[beat:])
        found["lag p99"] = percentile(probe.lags_ms[beat:], 0.99)
        found["own lag"] = max(probe.own_ms[beat:])
        found["own lag p99"] = percentile(probe.own_ms[beat:], 0.99)
        found["turn"] = max(turns.took_ms[turn:])
        found["turn p99"] = percentile(turns.took_ms[turn:], 0.99)
        found["growth"] = memory_mb() - before_mb
        probe.stop()
        beating.terminate()
        beating.wait()
        idle.seek(0)
        lines = idle.read().splitlines()[:-1]
        idle.close()
        found["idle"] = max(map(float, lines))
        found["idle p99"] = percentile(map(float, lines), 0.99)
    return found


def _head(workspace: Path) -> int:
    return EventLog(workspace / ".speckit" / "capsule").head()[0]


def index_s(workspace: Path) -> tuple[float, float]:
    """Building the index from nothing, in a process of its own: seconds, and those of CPU."""
    since, before = time.perf_counter(), os.times()
    capsule = workspace / ".speckit" / "capsule"
    command = [sys.executable, "-P", "-m", "core.capsule.index", str(capsule)]
    subprocess.run(command, check=True)
    took, after = time.perf_counter() - since, os.times()
    cpu = after.children_user - before.children_user
    cpu += after.children_system - before.children_system
    with Index(EventLog(capsule)) as index:
        assert index.behind()[2] == 0
    return took, cpu


def measure(given: Given) -> Result:
    """All of it, in a temporary workspace."""
    result = Result("dashboard")
    events = given.times(FEW_EVENTS, EVENTS)
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as root:
        workspace = Path(root)
        make_workspace(workspace, events)
        built_s, built_cpu_s = index_s(workspace)
        paints: dict[str, list[float]] = {"ours": [], "trivial": []}
        for _ in range(given.times(5, 25)):
            ours = [sys.executable, "-c", OURS, "tui"]
            paints["ours"].append(first_paint_ms(ours, b"looking", workspace))
            trivial = [sys.executable, "-c", TRIVIAL]
            paints["trivial"].append(first_paint_ms(trivial, b"first-cell", workspace))
        ours_ms, trivial_ms = median(paints["ours"]), median(paints["trivial"])
        found = asyncio.run(session(workspace, given))
    ratio = ours_ms / trivial_ms
    row = result.rows.append
    row(
        Row(
            "first paint of the dashboard",
            "ms",
            ours_ms,
            "≤ 1.5 × trivial",
            ratio <= 1.5,
            f"{ratio:.2f} × trivial",
            ("Textual with a DataTable", trivial_ms),
        )
    )
    _limit(row, "first rows of the log, once up", "ms", found["pane"], 150)
    own = "less waits for a core"
    _limit(row, "a jump, p95 of all", "ms", found["jump p95"], 50)
    _limit(row, f"the same, {own}", "ms", found["own jump p95"], 50)
    for name, (middle_ms, _worst_ms) in found["jumps"].items():
        _limit(row, f"jump: {name}", "ms", middle_ms, 50)
    _limit(row, "memory growth", "MB", found["growth"], 30)
    _limit(row, "event loop late, worst at start", "ms", found["lag at start"], 50)
    _limit(row, f"the same, {own}", "ms", found["own lag at start"], 50)
    _limit(row, "event loop late, worst under load", "ms", found["lag"], 50, idle=found["idle"])
    _limit(row, f"the same, {own}", "ms", found["own lag"], 50)
    _limit(
        row, "event loop late, p99 under load", "ms", found["lag p99"], 50, idle=found["idle p99"]
    )
    _limit(row, f"the same, {own}, p99", "ms", found["own lag p99"], 50)
    _limit(row, "longest turn of the loop at start, CPU", "ms", found["turn at start"], 50)
    _limit(row, "longest turn of the loop under load, CPU", "ms", found["turn"], 50)
    _limit(row, "updates a second under load", "", found["updates"], 10.5)
    _limit(row, "behind the writer, p95", "events", found["behind"], 1000)
    _limit(row, "caught up once it ends", "ms", found["caught up"], 1000)
    _limit(row, f"index of {events:,} from nothing", "s", built_s, 15 * events / EVENTS)
    for text, ms, rows in found["filters"]:
        told = f" ({rows:,} rows)" if rows else ""
        row(Row(f"filter {text}{told}", "ms", ms, "–", None))
    result.notes.append(
        f"{events:,} events; another process appended {found['rate']:,.0f} a second; older rows "
        f"could be reached {found['reachable']:.0f} ms after the dashboard was up; the index took"
        f" {built_cpu_s:.2f} s of CPU."
    )
    from importlib.metadata import version

    result.versions = {"textual": version("textual"), "rich": version("rich")}
    return result


def _limit(
    row: Callable[[Row], object],
    what: str,
    unit: str,
    value: float,
    limit: float,
    *,
    idle: float | None = None,
) -> None:
    floor = None if idle is None else ("idle process", idle)
    told = f"{value / limit:.2f} × target"
    row(Row(what, unit, value, f"≤ {limit:g}", value <= limit, told, floor))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--session":  # for a profiler
        print(
            json.dumps(
                asyncio.run(session(Path(sys.argv[2]), Given(quick=True, peers=sys.executable)))
            )
        )
    else:
        main(measure)
