"""What happens is told in the dashboard, and by the terminal to who looks elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

from core.capsule import EventLog
from core.capsule.events import BakeoffFinishedEvent, BreakerStateChangedEvent
from core.notify.notice import UserNotice
from core.router.decision import GateView
from reflex_tui.model.notices import lapse_of, osc9
from tests.support.notify.listening import write_own
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import gate_event, passed, routing_view

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from core.capsule import Record
    from core.capsule.events import Event
    from reflex_tui.app import ReflexApp

OPENED = BreakerStateChangedEvent(
    run_id="r",
    endpoint="http://127.0.0.1:1/v1",
    model="qwen",
    before="closed",
    after="open",
    failure_count=3,
    cause="timeout",
    retry_in_s=30,
)
DEMOTED = gate_event(verdict="fail", cause="drift_outcomes", misses=["drift_outcomes"])
FINISHED = BakeoffFinishedEvent(
    run_id="r", report_path=".speckit/eval/x.json", report_sha256="sha256:0", partial=False
)


def recorded(directory: Path, *written: Event) -> tuple[Record, ...]:
    """These events as the log has them."""
    with EventLog(directory / "capsule") as log:
        for event in written:
            log.append(event)
        return tuple(log.read())


def heard(app: ReflexApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the terminal is told from now on, the bell as ``bell``."""
    rung: list[str] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append("bell"))
    monkeypatch.setattr(app, "to_terminal", rung.append)
    return rung


async def test_what_happens_is_told_and_what_had_happened_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A breaker that opened, a demotion and a bakeoff's end; no bell for who looks at it."""
    records = recorded(tmp_path, OPENED, DEMOTED, FINISHED)
    async with dashboard() as bench:
        rung = heard(bench.app, monkeypatch)
        await bench.tell(came(records))
        assert bench.told() == []
        await bench.tell(came(records, fresh=False))
        told = bench.told()
    assert "3 failures in a row, the last: timeout" in told[0]
    assert "solve less" in told[1]
    assert ".speckit/eval/x.json" in told[2]
    assert rung == []


async def test_a_terminal_without_the_focus_rings_and_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it has the focus again; ``bell = false`` in the user's own file is heeded."""
    records = recorded(tmp_path, OPENED)
    async with dashboard() as bench:
        rung = heard(bench.app, monkeypatch)
        bench.app.post_message(events.AppBlur())
        await bench.tell(came(records, fresh=False))
        assert rung[0] == "bell"
        assert rung[1].startswith("\x1b]9;Reflex: Breaker open: qwen")
        write_own([], "bell = false\n")
        await bench.tell(came(records, fresh=False))
        write_own([]).write_text("[notify\n")  # broken: it rings as by default
        await bench.tell(came(records, fresh=False))
        assert rung.count("bell") == 2
        bench.app.post_message(events.AppFocus())
        await bench.tell(came(records, fresh=False))
        assert rung.count("bell") == 2
        assert len(bench.told()) == 4


async def test_a_flood_leaves_the_screen_readable(tmp_path: Path) -> None:
    """Of many at once the newest are told."""
    records = recorded(tmp_path, *[OPENED] * 50)
    async with dashboard() as bench:
        await bench.tell(came(records, fresh=False))
        assert len(bench.told()) == 3


def test_the_sequence_cannot_be_broken_out_of() -> None:
    """A model's name is anybody's text."""
    said = osc9(UserNotice("demoted", "a\x07\x1b]52;c;x\x07", "b\x9c\n" * 400))
    assert said.count("\x07") == 1
    assert said.count("\x1b") == 1
    assert said[4:-1].isprintable()
    assert len(said) < 400


def test_a_pass_that_lapses_soon() -> None:
    """By the threshold that counts here, which is 30 days."""
    gate = GateView(valid=True, event=passed(model="qwen"), age_days=28.9)
    notice = lapse_of(routing_view(gate=gate), 3)
    assert notice
    assert "In 1 day " in notice.text
    assert lapse_of(routing_view(), 3) is None
