"""The thread that asks the index: what it posts, how it goes on, and what it survives."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.stages import Mode
from reflex_tui.model.uptime import Minute, minute_of
from reflex_tui.watch.announcements import WindowSeen
from reflex_tui.watch.windows import WindowWatcher, look
from tests.support.patience import PATIENCE_S
from tests.support.tui.health_states import compared, indexed
from tests.support.tui.making import NOW, StillClock, call, decision, settings, write_a_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.settings import Settings
    from reflex_tui.model.latencies import Windowed


def test_today_and_the_reasons_of_the_hour(tmp_path: Path) -> None:
    """Every call of today, and why each Implement call went where it first went."""
    with indexed(tmp_path / "capsule") as (log, index):
        found = look(index, NOW)
        calls = [each.body for each in log.tail(1000) if each.event_type == "LLMCall"]
    assert found.today.calls == len({body["call_id"] for body in calls}) == 120
    assert found.reasons == {"healthy_and_thresholds_met": 98, "server_unhealthy": 22}


def test_the_hour_comes_from_decisions_and_calls(tmp_path: Path) -> None:
    """Up where a decision found it well, down where it did not, unknown before."""
    clock = StillClock(NOW - timedelta(minutes=10))
    path = tmp_path / "capsule"
    with EventLog(path, clock=clock) as log:
        log.append(decision("a"))
        log.append(call("a"))
        clock.forward(300)
        log.append(decision("b", Mode.CLOUD))
    with indexed(path, calls=1) as (_, index):
        hour = look(index, NOW).hour
    assert hour[minute_of(NOW) - 10] == Minute(2, 0)
    assert hour[minute_of(NOW) - 5] == Minute(0, 1)
    assert minute_of(NOW) - 7 not in hour


@contextmanager
def watching(configured: Settings) -> Iterator[tuple[WindowWatcher, queue.Queue[WindowSeen]]]:
    """A watcher that runs, and what it posts."""
    posted: queue.Queue[WindowSeen] = queue.Queue()
    watcher = WindowWatcher(configured, posted.put, StillClock())  # type: ignore[arg-type]
    watcher.start()
    try:
        yield watcher, posted
    finally:
        watcher.stop()
        watcher.join()
        assert not watcher.is_running


def seen(posted: queue.Queue[WindowSeen]) -> Windowed:
    """The next whole answer."""
    while True:
        message = posted.get(timeout=PATIENCE_S)
        assert isinstance(message, WindowSeen), message
        if message.seen is not None:
            return message.seen


def test_it_tells_what_there_is_and_looks_again_when_asked(tmp_path: Path) -> None:
    """A changed configuration is looked at at once, and new events are counted."""
    configured = settings(tmp_path)
    with EventLog(configured.state_dir / "capsule", clock=(clock := StillClock())) as log:
        write_a_day(log, clock, 20)
        with watching(configured) as (watcher, posted):
            assert seen(posted).today.calls == 20
            log.append(decision("new"))
            log.append(call("new"))
            watcher.use(configured)
            found = seen(posted)
            while found.today.calls == 20:
                found = seen(posted)
            assert found.today.calls == 21


def test_shadow_calls_are_summed_up_for_this_server_and_model(tmp_path: Path) -> None:
    """As ``status`` does, and again once the model is another."""
    configured = settings(tmp_path)
    with EventLog(configured.state_dir / "capsule", clock=StillClock()) as log:
        for number in range(10):
            log.append(compared(number, agreed=number > 0))
        with watching(configured) as (watcher, posted):
            shadow = seen(posted).shadow
            assert shadow is not None
            assert (shadow.calls, shadow.agreed_percent, shadow.p50_ms) == (10, 90.0, 404.0)
            other = configured.reflex.model_copy(update={"model": "another"})
            watcher.use(replace(configured, reflex=other))
            while (found := seen(posted).shadow) is not None and found.calls:
                continue


def test_without_a_capsule_and_over_a_damaged_one_it_goes_on(tmp_path: Path) -> None:
    """Nothing there is nothing seen; before the damage all is."""
    configured = settings(tmp_path)
    with watching(configured) as (_, posted):
        assert seen(posted).today.calls == 0
    path = configured.state_dir / "capsule"
    with EventLog(path, clock=(clock := StillClock())) as log:
        write_a_day(log, clock, 5)
    with (path / "events-000001.jsonl").open("ab") as segment:
        segment.write(b'{"odd": true}\n')
    with watching(configured) as (_, posted):
        assert seen(posted).today.calls == 5
