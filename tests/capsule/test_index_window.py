"""What the index says of a stretch of time agrees with the log, read and counted plainly."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.index import Index, Seen, Stretch, Tokens, Totals
from core.errors import CapsuleError
from core.stages import Mode
from tests.support.capsule.filling import START, Ticking, call, fill, index_file
from tests.support.capsule.making import QuickDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIVE = {"live", "demo"}
STRETCH = Stretch(START + timedelta(seconds=700), START + timedelta(seconds=3100), 24)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A capsule with a second's event after the other, and what each says."""
    path = tmp_path_factory.mktemp("window") / "capsule"
    return path, [dict(record.body) for record in fill(path, 4000)]


@pytest.fixture
def index(bodies: tuple[Path, list[dict[str, Any]]]) -> Iterator[Index]:
    """An index over it."""
    with Index(EventLog(bodies[0])) as index:
        index.update()
        yield index


def within(body: dict[str, Any]) -> int | None:
    """The slice of the stretch that an event lies in."""
    at = datetime.fromisoformat(body["time"])
    if not STRETCH.since <= at < STRETCH.until:
        return None
    return int((at - STRETCH.since) / (STRETCH.until - STRETCH.since) * STRETCH.slices)


@pytest.mark.slow
def test_a_kind_of_event_is_counted_slice_by_slice(
    index: Index, bodies: tuple[Path, list[dict[str, Any]]]
) -> None:
    """Whatever the question, the kinds come back with their numbers."""
    seen = index.seen(STRETCH, lambda kind: kind.reason == "rare")
    rare = [body for body in bodies[1] if body.get("reason") == "rare" and within(body) is not None]
    assert sum(each.events for each in seen) == len(rare)
    assert all(isinstance(each, Seen) and each.kind.reason == "rare" for each in seen)
    assert {each.number for each in seen} == {within(body) for body in rare}


def written(path: Path, *calls: Any) -> Index:
    """An index over a few calls."""
    with EventLog(path, clock=Ticking(), disk=QuickDisk()) as log:
        for each in calls:
            log.append(each)
        index = Index(log)
    index.update()
    return index


def test_totals_are_of_whole_calls(tmp_path: Path) -> None:
    """All attempts count together, a call that was never answered is not quick."""
    fast, slow = {"latency_ms": 400.0}, {"latency_ms": 700.0}
    index = written(
        tmp_path / "capsule",
        call("a", Mode.REFLEX, **fast, prompt_tokens=800, completion_tokens=34),
        call("b", Mode.REFLEX, **slow, success=False, error="timeout"),
        call("b", Mode.CLOUD, **fast, prompt_tokens=100, completion_tokens=6),
        call("c", Mode.REFLEX, **fast, success=False, error="timeout"),
        call("d", Mode.REFLEX, **fast),
        call("e", Mode.REFLEX, **fast, origin="bakeoff", prompt_tokens=10**6),
    )
    day = Stretch(START, START + timedelta(days=1))
    assert index.totals(day, quick_ms=1000) == Totals(
        4,
        2,
        (Tokens("reflex", "reflex", 2, 1, 800, 34), Tokens("cloud", "cloud", 1, 1, 100, 6)),
    )
    index.close()


def test_tokens_that_are_none_are_not_counted(tmp_path: Path) -> None:
    """A hostile log may say what it likes."""
    odd = [call(str(n), Mode.REFLEX).model_copy(update={"prompt_tokens": value})
           for n, value in enumerate((-5, None, 1 << 70, 7))]  # fmt: skip
    with EventLog(tmp_path / "capsule", clock=Ticking(), disk=QuickDisk()) as log:
        for each in odd:
            log.append(each)
        with Index(log) as index:
            index.update()
            (tokens,) = index.totals(Stretch(START, START + timedelta(1)), quick_ms=1).backends
    assert (tokens.answered, tokens.counted, tokens.prompt) == (4, 1, 7)


def test_without_a_capsule_there_is_nothing(tmp_path: Path) -> None:
    """No error, and nothing is made."""
    with Index(EventLog(tmp_path / "none")) as index:
        stretch = Stretch(START, datetime.now(UTC))
        assert index.totals(stretch, quick_ms=1000) == Totals(0, 0)
        assert index.seen(stretch, lambda _: True) == []
    assert not (tmp_path / "none").exists()


def test_what_is_remembered_agrees_with_counting_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the log grows, with clocks set back, each answer is as a new index's."""
    monkeypatch.setattr("core.capsule.index.window.SPAN", 40)
    chance = random.Random(5)
    clock = Ticking()
    stretch = Stretch(START, START + timedelta(seconds=1000), 12)
    with (
        EventLog(tmp_path / "capsule", clock=clock, disk=QuickDisk()) as log,
        Index(log) as remembering,
    ):
        for turn in range(12):
            for number in range(0, 80, 2):
                for mode in (Mode.REFLEX, Mode.CLOUD):
                    past = chance.choice([0, 0, 0, 300])
                    clock.moment = START + timedelta(seconds=max(turn * 80 + number - past, 0))
                    latency_ms = chance.choice([100.0, 450.0, 700.0])
                    good = chance.random() < 0.8
                    fields = {"latency_ms": latency_ms, "success": good, "prompt_tokens": number}
                    log.append(call(f"{turn}-{number}", mode, **fields))
                    if chance.random() < 0.1:  # also between two attempts at one call
                        remembering.update()
                        remembering.totals(stretch, quick_ms=1000)
            remembering.update()
            with Index(log) as anew:
                found = remembering.totals(stretch, quick_ms=1000)
                assert found == anew.totals(stretch, quick_ms=1000)
                assert found.calls == 40 * (turn + 1)
        # A stretch that ends before the newest event is not remembered.
        early = Stretch(START, START + timedelta(seconds=300), 3)
        with Index(log) as anew:
            assert remembering.totals(early, quick_ms=500) == anew.totals(early, quick_ms=500)


def test_a_question_can_be_broken_off(
    bodies: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a dashboard that is left does; the index's file is left as it was."""
    path, _ = bodies
    monkeypatch.setattr("core.capsule.index.projection._OPS_BETWEEN_LOOKS", 100)
    with Index(EventLog(path)) as index:
        index.update()
        before = index_file(path).stat().st_ino
        index.halt()
        with pytest.raises(CapsuleError, match="query cancelled"):
            index.totals(STRETCH, quick_ms=1000)
    assert index_file(path).stat().st_ino == before
