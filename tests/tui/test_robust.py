"""What may go wrong while the dashboard is open: files that go, floods, a long day, odd sizes."""

from __future__ import annotations

import asyncio
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.index import Index
from core.settings import load_settings
from core.settings.policy import PolicySnapshot
from reflex_tui.app import ReflexApp
from reflex_tui.watch import watcher
from reflex_tui.watch.announcements import (
    CountWanted,
    IndexGrew,
    RecordsCame,
    RowsCounted,
    WorkFailed,
)
from reflex_tui.watch.watcher import Watcher
from tests.support.patience import PATIENCE_S
from tests.support.tui.bench import Bench, came, dashboard
from tests.support.tui.making import NOW, StillClock, decision, settings
from tests.support.tui.watching import make, records, until, watching

if TYPE_CHECKING:
    from pathlib import Path

    from textual.message import Message

    from core.capsule.record import Record


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a capsule larger than what is held in memory at first."""
    make(tmp_path / "api" / ".speckit" / "capsule", 6000, end=NOW, hours=1)
    return tmp_path / "api"


@pytest.mark.slow
async def test_nothing_reads_the_capsule_on_the_event_loop(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start, jumps, a filter, an opened event: files and the index are for other threads."""
    loop = threading.get_ident()
    callers: dict[str, set[int]] = {}

    def watched(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def wrapper(*arguments: Any, **options: Any) -> Any:
            callers.setdefault(f"{owner.__name__}.{name}", set()).add(threading.get_ident())
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, wrapper)

    for owner, names in (
        (EventLog, ("tail", "before", "read", "get", "follow")),
        (Index, ("update", "number", "listed", "behind", "seqs")),
        (RecordsCame, ("__post_init__",)),
    ):
        for name in names:
            watched(owner, name)
    async with watching(workspace) as bench:
        await bench.press("home")
        await until(bench.view.row_at_cursor)
        await bench.press("enter")
        await bench.app.workers.wait_for_complete()
        await bench.press("escape", "f")
        await bench.type("mode:cloud")
        await until(lambda: bench.routing.listing.before is not None)
    used = {"EventLog.tail", "EventLog.before", "Index.number", "Index.listed", "Index.seqs"}
    assert used <= callers.keys()
    assert all(loop not in threads for threads in callers.values()), callers


@pytest.mark.slow
async def test_a_capsule_that_goes_and_another_that_comes(workspace: Path) -> None:
    """Nothing of the old one stays, in memory or by the index; the new one is followed."""
    capsule = workspace / ".speckit" / "capsule"
    async with watching(workspace) as bench:
        assert len(bench.view.rows) == 3000
        shutil.rmtree(capsule)
        await until(lambda: not len(bench.view.rows))
        await bench.pilot.pause()
        assert "No decision yet" in bench.shown()
        with EventLog(capsule) as log:
            log.append(decision("anew"))
        await until(lambda: len(bench.view.rows) == 1)
        await bench.pilot.pause()
        assert "anew" in bench.shown()


@pytest.mark.slow
async def test_damage_far_up_is_told_and_the_rest_is_shown(workspace: Path) -> None:
    """One bit in an old event: the tail is there, and the state says that the log is damaged."""
    segment = workspace / ".speckit" / "capsule" / "events-000001.jsonl"
    content = bytearray(segment.read_bytes())
    place = content.index(b'"seq":101,')
    content[place - 30] ^= 1
    segment.write_bytes(content)
    async with watching(workspace) as bench:
        await until(lambda: bench.routing._index.damage)
        await bench.pilot.pause()
        assert "✖ damaged" in bench.shown()
        assert "healthy_and_thresholds_met" in bench.shown()
        await bench.press("home")
        await until(bench.view.row_at_cursor)
        assert bench.view.row_at_cursor().seq == 1  # type: ignore[union-attr]


@pytest.mark.slow
async def test_a_row_that_was_damaged_after_it_was_indexed_says_so(workspace: Path) -> None:
    """Its place in the list stays; nobody takes it for what it was."""
    with Index(EventLog(workspace / ".speckit" / "capsule")) as index:
        index.update()
    segment = workspace / ".speckit" / "capsule" / "events-000001.jsonl"
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b'"backend":"reflex"', b'"backend":"rEflex"', 1))
    async with watching(workspace) as bench:
        await bench.press("home")
        await until(bench.view.row_at_cursor)
        await bench.pilot.pause()
        assert "this line of the log is damaged" in bench.shown()


@pytest.mark.slow
async def test_a_long_day_takes_no_more_memory_than_a_short_one() -> None:
    """Rows beyond what is kept go to the index as it grows; without one they just go."""
    stream = records(10_000)
    async with dashboard() as bench:
        await bench.press("2")
        newest, listing = bench.routing.newest, bench.routing.listing
        newest.keep = 1000
        await bench.tell(came([next(stream) for _ in range(500)]))
        for batch in range(19):
            taken = [next(stream) for _ in range(500)]
            bench.clock.forward(60)
            await bench.tell(RecordsCame(tuple(taken)), IndexGrew(taken[-1].seq, 1.0))
            assert len(newest) <= newest.keep * 1.1 + 500, batch
            assert len(newest._calls._heads) <= len(newest)
        assert len(listing) == 5000
        assert listing.before == 5000 - len(newest)


@pytest.mark.slow
async def test_without_an_index_a_flood_while_paused_stays_bounded() -> None:
    """The index cannot be built, the user looks at one row: memory still ends somewhere."""
    stream = records(8000)
    async with dashboard() as bench:
        await bench.press("2")
        newest = bench.routing.newest
        newest.keep = 1000
        await bench.tell(came([next(stream) for _ in range(500)]))
        await bench.press("up")
        while taken := [record for _, record in zip(range(500), stream, strict=False)]:
            await bench.tell(RecordsCame(tuple(taken)))
        assert len(newest) <= 2 * newest.keep + 250
        assert "new" in bench.shown()


@pytest.mark.slow
async def test_the_log_survives_any_size(a_day: tuple[Record, ...]) -> None:
    """20x5 and back, with older rows still being fetched: nothing breaks, nothing is lost."""
    async with dashboard() as bench:
        await bench.tell(came(a_day[40:]))
        routing = bench.routing
        question = _question(bench)
        await bench.tell(RowsCounted(question, 1_000_000, 1_000_000, 0))
        await bench.press("2", "home")
        for size in ((20, 5), (60, 14), (300, 90), (20, 5), (61, 100), (80, 24)):
            await bench.pilot.resize_terminal(*size)
            await bench.press("pagedown", "end", "pageup", "home")
            assert ("too small" in bench.shown()) == (size == (20, 5))
        assert len(routing.listing) == 1_000_000 + len(routing.newest)
        assert bench.view.cursor == 0


def _question(bench: Bench) -> Any:
    return CountWanted(bench.routing.listing.filter, bench.routing.newest.edge, 0)


async def test_a_changed_configuration_is_in_force_and_told(tmp_path: Path) -> None:
    """Read again by itself: the limit moves, and a notice says that a new policy holds."""
    root = tmp_path / "api"
    root.mkdir()
    path = root / "stage0.toml"
    path.write_text("[reflex]\nenabled = true\n")
    app = ReflexApp(load_settings(path), read=lambda: load_settings(path), clock=StillClock())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(lambda: app.dashboard.is_whole)
        before = app.settings
        path.write_text("[reflex]\nenabled = true\n[reflex.thresholds]\np95_latency_ms = 900\n")
        await until(lambda: app.settings is not before)
        await pilot.pause()
        assert app.dashboard.routing.limit_ms == 900
        await until(lambda: (seen := app.dashboard.routing_view) and seen.settings is app.settings)
        assert app.dashboard.routing_view is not None
        policy = app.dashboard.routing_view.policy.policy_hash
        assert before is not None
        assert policy != PolicySnapshot.capture(before).policy_hash
        told = [each.message for each in app._notifications]
        assert told == [f"stage0.toml: in force, as policy {policy[:19]}"]


async def test_a_notice_is_shown_whole_on_a_small_terminal() -> None:
    """Its last row too, with a title that is long."""
    words = "3 failures in a row, the last: timeout. Calls go elsewhere until it answers again."
    app = ReflexApp(settings(), clock=StillClock(), watch=False)
    app.animation_level = "none"
    async with app.run_test(size=(60, 14), notifications=True) as pilot:
        while not app.dashboard.is_whole:
            await pilot.pause()
        app.notify(words, title="Breaker open: qwen2.5-coder-7b-instruct-q4-k-m-by-somebody-else")
        bench = Bench(app, pilot, StillClock())
        await bench.sees("answers again.")


class Stumbling(Watcher):
    """Meets a bug at its first look, and none at the second."""

    looks = 0

    def watch(self) -> None:
        """Look once."""
        self.looks += 1
        if self.looks == 1:
            raise KeyError("first")


def test_a_watcher_begins_again_after_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it met, and looks once more."""
    monkeypatch.setattr(watcher, "AGAIN_AFTER_S", 0.01)
    told: list[Message] = []

    def post(message: Message) -> None:
        told.append(message)

    stumbling = Stumbling("test", post)
    stumbling.start()
    stumbling.join(PATIENCE_S)
    assert not stumbling.is_running
    assert stumbling.looks == 2
    assert [type(each) for each in told] == [WorkFailed]


async def test_a_bug_beside_the_dashboard_is_told_and_kept_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    """One of a watcher and one of a sheet's thread; the file has no secret."""
    secret = f"sk-{'a1B2' * 12}"
    bug = RuntimeError(f"key {secret}")
    async with dashboard(theme_file=tmp_path / "theme") as bench:
        bench.app.post_message(WorkFailed(bug))
        await bench.drawn()

        def stumble() -> None:
            raise LookupError("of a worker")

        bench.app.run_worker(stumble, thread=True)
        await until_told(bench, 2)
        assert "The rest goes on" in bench.told()[0]
        assert "LookupError" in bench.told()[1]
        await bench.press("2")
        assert "Reading the capsule" in bench.shown()
        kept = bench.app.kept_at.read_text()
        assert "LookupError: of a worker" in kept
        bench.app.post_message(WorkFailed(bug))
        await until_told(bench, 3)
        kept = bench.app.kept_at.read_text()
        assert "RuntimeError" in kept
        assert secret not in kept
        bench.app.bugs.clear()


async def until_told(bench: Bench, number: int) -> None:
    """Wait for so many notices."""
    async with asyncio.timeout(PATIENCE_S):
        while len(bench.told()) < number:
            await asyncio.sleep(0.02)
