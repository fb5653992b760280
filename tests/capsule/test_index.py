"""The index answers like the log itself, and is built again whatever happens to its file."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog, Record
from core.capsule.events import LLMCallEvent
from core.capsule.index import Filter, Index, Latency, Row
from core.capsule.record import GENESIS, complete_line
from core.errors import CapsuleCorrupt
from core.stages import Mode, Stage
from tests.capsule.making import QuickDisk, decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
COUNT = 6000


class Ticking:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """The moment that was set."""
        return self.moment

    def monotonic(self) -> float:
        """Never asked for."""
        raise NotImplementedError


def call(call_id: str, mode: Mode, **fields: Any) -> LLMCallEvent:
    """An LLMCall."""
    values: dict[str, Any] = {
        "run_id": "r",
        "model": "m",
        "request": {"mode": "cloud", "reason": "not a field of the event"},
        "response": None,
        "latency_ms": 100.0,
        "success": True,
        "attempt": 1,
        "stage": Stage.IMPLEMENT,
        "backend": mode.value,
        "endpoint": "e",
        "capture_mode": "full_io",
    }
    return LLMCallEvent.model_validate(values | {"call_id": call_id, "mode": mode} | fields)


def fill(path: Path, count: int, *, seed: int = 0) -> list[Record]:
    """A log of random decisions and calls, one a second."""
    chance = random.Random(seed)
    clock = Ticking()
    records = []
    with EventLog(path, clock=clock, segment_bytes=1 << 20, disk=QuickDisk()) as log:
        for number in range(count):
            clock.moment = START + timedelta(seconds=number)
            mode = chance.choice([Mode.REFLEX, Mode.CLOUD])
            if chance.random() < 0.5:
                reason = chance.choice(["server_unhealthy", "healthy_and_thresholds_met", "rare"])
                detail = chance.choice([None, "no_bakeoff", "50%_done"])
                event: Any = decision(f"c{number // 2}", mode=mode, reason=reason, detail=detail)
            else:
                event = call(
                    f"c{number // 2}",
                    mode,
                    latency_ms=chance.choice([10.5, 200.0, 3000.0]),
                    ttft_ms=chance.choice([None, 5.0, chance.random() * 100]),
                    success=chance.random() < 0.9,
                    error=chance.choice([None, "Timeout"]),
                    error_message=chance.choice([None, "The server took TOO long"]),
                    origin=chance.choice(["live", "bakeoff", "demo"]),
                )
            records.append(log.append(event))
    return records


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLog, list[Record]]:
    """A log that no test changes."""
    path = tmp_path_factory.mktemp("index") / "capsule"
    return EventLog(path), fill(path, COUNT)


@pytest.fixture
def index(filled: tuple[EventLog, list[Record]]) -> Iterator[Index]:
    """An index over all of it."""
    with Index(filled[0]) as index:
        index.update()
        yield index


@pytest.fixture
def small(tmp_path: Path) -> tuple[EventLog, list[Record]]:
    """A log that a test may change."""
    return EventLog(tmp_path / "capsule", disk=QuickDisk()), fill(tmp_path / "capsule", 50)


def matches(wanted: Filter, body: Any) -> bool:
    """What a filter means, said plainly."""
    note = body.get("detail") or body.get("error_message") or ""
    named = ("event_type", "mode", "reason", "backend", "model", "error")
    texts = [str(body.get(name) or "") for name in named]
    latency = body.get("latency_ms")
    return (
        all(
            not getattr(wanted, name) or body.get(name) == getattr(wanted, name)
            for name in ("event_type", "mode", "reason")
        )
        and any(wanted.text.lower() in text.lower() for text in (*texts, note))
        | (wanted.text == body.get("call_id"))
        and (wanted.min_latency_ms is None or latency >= wanted.min_latency_ms)
        and (wanted.since is None or datetime.fromisoformat(body["time"]) >= wanted.since)
    )


FILTERS = [
    Filter(),
    Filter(event_type="LLMCall"),
    Filter(mode="cloud", reason="server_unhealthy"),
    Filter(reason="rare"),
    Filter(reason="never"),
    Filter(text="TIMEOUT"),
    Filter(text="too Long"),
    Filter(text="50%_"),
    Filter(text="c17"),
    Filter(text="nothing like it"),
    Filter(min_latency_ms=3000),
    Filter(since=START + timedelta(seconds=4000.5)),
    Filter(since=START + timedelta(days=9)),
    Filter(mode="reflex", text="bakeoff", min_latency_ms=0.1, since=START + timedelta(seconds=99)),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_pages_are_what_the_log_holds(
    filled: tuple[EventLog, list[Record]], index: Index, wanted: Filter
) -> None:
    """Every page of every filter has the rows that reading the whole log finds, and numbers."""
    expected = [record for record in filled[1] if matches(wanted, record.body)]
    assert index.count(wanted) == len(expected)
    middle = len(expected) // 2
    for offset, limit in ((0, 7), (middle, 200), (max(len(expected) - 3, 0), 50), (10**6, 5)):
        rows = index.page(wanted, offset, limit)
        assert [row.seq for row in rows] == [r.seq for r in expected[offset : offset + limit]]
        assert [row.number for row in rows] == list(range(offset, offset + len(rows)))
        for row, record in zip(rows, expected[offset:], strict=False):
            check_row(row, record)


def check_row(row: Row, record: Record) -> None:
    """The row says what the record says."""
    body = record.body
    assert row.time == datetime.fromisoformat(record.time)
    assert (row.segment, row.offset) == (record.segment, record.offset)
    assert (row.kind.event_type, row.kind.mode) == (body["event_type"], body["mode"])
    assert row.kind.reason == body.get("reason", "")
    assert (row.latency_ms, row.ttft_ms) == (body["latency_ms"], body.get("ttft_ms"))
    assert (row.kind.success, row.kind.is_fallback) == (
        body.get("success"),
        bool(body.get("is_fallback")),
    )
    assert row.note == (body.get("detail") or body.get("error_message") or "")


def test_row_numbers_stay_while_the_log_grows(small: tuple[EventLog, list[Record]]) -> None:
    """What was row 7 of a filter is row 7 ever after, and counts follow the log."""
    log, _ = small
    wanted = [Filter(mode="cloud"), Filter(text="server"), Filter(min_latency_ms=200)]
    with Index(log) as index:
        index.update()
        before = [index.page(each, 0, 99) for each in wanted]
        for number in range(2500):
            log.append(decision(f"n{number}", mode=Mode.CLOUD, reason=f"reason {number % 5}"))
            if number % 500 == 0:
                index.update()
                assert index.count(wanted[0]) == len(before[0]) + number + 1
        assert index.update() == 2550
        for each, rows in zip(wanted, before, strict=True):
            assert index.page(each, 0, len(rows)) == rows
        assert index.count(Filter(reason="reason 3")) == 500
    log.close()


@pytest.mark.parametrize("window_s", [10, 600, 99999])
@pytest.mark.parametrize("mode", ["reflex", "cloud"])
def test_percentiles_are_nearest_rank(
    filled: tuple[EventLog, list[Record]], window_s: int, mode: str
) -> None:
    """Over the window's answered live calls, each percentile is a value that occurred."""
    log, records = filled
    clock = Ticking()
    clock.moment = START + timedelta(seconds=COUNT)
    wanted = [
        record.body
        for record in records
        if record.event_type == "LLMCall"
        and record.body["success"]
        and record.body["mode"] == mode
        and record.body["origin"] in {"live", "demo"}
        and datetime.fromisoformat(record.time) >= clock.moment - timedelta(seconds=window_s)
    ]
    total = sorted(body["latency_ms"] for body in wanted)
    ttft = sorted(body["ttft_ms"] for body in wanted if body["ttft_ms"] is not None)

    def rank(values: list[float], share: float) -> float | None:
        return values[math.ceil(share * len(values)) - 1] if values else None

    with Index(log, clock=clock) as index:
        index.update()
        assert index.latency(window_s, mode) == Latency(
            len(wanted), rank(total, 0.5), rank(total, 0.95), rank(ttft, 0.5), rank(ttft, 0.95)
        )
        assert index.latency(window_s, "none").p95 is None


def test_a_calls_records(filled: tuple[EventLog, list[Record]], index: Index) -> None:
    """All of a call's events, as they lie in the log."""
    records = filled[1]
    for number in (0, 17, 2999):
        assert index.call(f"c{number}") == records[2 * number : 2 * number + 2]
    assert index.call("no such call") == []


def test_nothing_is_made_where_there_is_no_capsule(tmp_path: Path) -> None:
    """An empty workspace stays empty, and has no events."""
    with Index(EventLog(tmp_path / "capsule")) as index:
        assert index.update() == 0
        assert index.count(Filter()) == 0
        assert index.page(Filter(), 0, 5) == []
        assert index.latency(60, "reflex") == Latency(0, None, None, None, None)
        assert index.call("c") == []
    assert list(tmp_path.iterdir()) == []


def test_its_file_is_private(small: tuple[EventLog, list[Record]]) -> None:
    """0600 for the file and its companions, whatever the umask."""
    before = os.umask(0)
    try:
        with Index(small[0]) as index:
            index.update()
            files = list(small[0].path.glob("index.sqlite*"))
            assert len(files) > 1
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    finally:
        os.umask(before)


def zeros(path: Path) -> None:
    """Overwrite the middle of every page but the first."""
    content = bytearray(path.read_bytes())
    for place in range(4096, len(content), 4096):
        content[place : place + 2000] = bytes(2000)
    path.write_bytes(content)


def planted(path: Path) -> None:
    """A database of somebody else's, with a trigger."""
    path.unlink()
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE events (x); CREATE TABLE meta (version, seq);"
        "INSERT INTO meta VALUES (1, 7);"
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM meta; END;"
    )
    db.close()


def altered(path: Path) -> None:
    """Our own, with one trigger more."""
    db = sqlite3.connect(path)
    db.execute("CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM kinds; END")
    db.close()


def of_another_log(path: Path) -> None:
    """Our own, of a log with other records."""
    other = path.parent.parent / "other"
    fill(other, 60, seed=9)
    with Index(EventLog(other)) as index:
        index.update()
    shutil.copy(other / path.name, path)


def linked(path: Path) -> None:
    """A link to something precious in its place."""
    precious = path.parent.parent / "precious"
    precious.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(precious)


def directory(path: Path) -> None:
    """A directory of that name."""
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no database at all\n" * 400),
    "cut": lambda path: os.truncate(path, 5000),
    "zeros": zeros,
    "planted": planted,
    "altered": altered,
    "of another log": of_another_log,
    "linked": linked,
    "a directory": directory,
}


@pytest.mark.parametrize(
    ("how", "while_open"),
    [(how, False) for how in DAMAGES]
    + [(how, True) for how in ("removed", "planted", "linked", "a directory")],
)
def test_whatever_happens_to_its_file(
    small: tuple[EventLog, list[Record]], how: str, *, while_open: bool
) -> None:
    """Removed, damaged, planted or swapped, while open or not: it is built again from the log."""
    log, records = small
    with Index(log) as index:
        index.update()
        if not while_open:
            index.close()
        DAMAGES[how](log.path / "index.sqlite")
        precious = log.path.parent / "precious"
        before = precious.read_bytes() if precious.exists() else b""
        assert index.count(Filter()) in {0, 50, 60}
        log.append(decision("one more"))
        assert index.update() == 51
        assert index.count(Filter()) == 51
        assert [row.seq for row in index.page(Filter(), 0, 99)] == list(range(1, 52))
        assert index.call("c3") == records[6:8]
        if before:
            assert precious.read_bytes() == before
    log.close()


def test_an_older_index_goes_on_from_where_it_was(small: tuple[EventLog, list[Record]]) -> None:
    """Only what is new is read; a log that was replaced is read from its beginning."""
    log, _ = small
    seen: list[tuple[int, float]] = []
    with Index(log) as index:
        index.update(lambda seq, share: seen.append((seq, share)))
    assert seen == [(50, 1.0)]
    log.append(decision())
    with Index(log) as index:
        assert index.count(Filter()) == 50
        assert index.update() == 51
        log.path.rename(log.path.with_name("aside"))
        fill(log.path, 20, seed=3)
        assert index.update() == 20
        assert index.count(Filter()) == 20
    log.close()


def test_building_tells_its_progress_and_can_stop(filled: tuple[EventLog, list[Record]]) -> None:
    """A large log is indexed in steps; stopping keeps them, and the tail is there all the while."""
    log, records = filled
    (log.path / "index.sqlite").unlink(missing_ok=True)
    stop = threading.Event()
    shares: list[float] = []

    def progress(seq: int, share: float) -> None:
        shares.append(share)
        assert log.tail(3) == records[-3:]
        assert built.count(Filter()) == seq
        stop.set()

    with Index(log) as built:
        reached = built.update(progress, stop)
        assert 0 < reached < COUNT
        assert built.update(lambda _, share: shares.append(share)) == COUNT
    assert 0 < shares[0] < 1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_several_processes_build_it_together(filled: tuple[EventLog, list[Record]]) -> None:
    """Who comes second finds what the first has done; nothing is counted twice."""
    log, _ = filled
    (log.path / "index.sqlite").unlink(missing_ok=True)
    script = (
        "import sys; from core.capsule import EventLog; from core.capsule.index import *\n"
        "with Index(EventLog(sys.argv[1])) as index: print(index.update(), index.count(Filter()))"
    )
    command = [sys.executable, "-c", script, str(log.path)]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [builder.communicate(timeout=60)[0] for builder in builders] == [
        f"{COUNT} {COUNT}\n"
    ] * 3


def test_threads_may_ask_while_it_is_built(filled: tuple[EventLog, list[Record]]) -> None:
    """Questions from other threads are answered from what is indexed so far."""
    log, _ = filled
    (log.path / "index.sqlite").unlink(missing_ok=True)
    counts: list[int] = []
    with Index(log) as index:
        builder = threading.Thread(target=index.update)
        builder.start()
        while builder.is_alive():
            counts.append(index.count(Filter(mode="cloud")))
        builder.join()
        counts.append(index.count(Filter(mode="cloud")))
    assert counts == sorted(counts)


def test_damage_in_the_log_ends_the_update(small: tuple[EventLog, list[Record]]) -> None:
    """What comes before a damaged line is indexed, and the line is told."""
    log, _ = small
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"c15"', b'"cXX"', 1))
    with Index(log) as index:
        for _ in range(2):
            with pytest.raises(CapsuleCorrupt) as caught:
                index.update()
            assert caught.value.line == 31
        assert index.count(Filter()) == 30


def test_where_no_file_can_be_kept_it_is_held_in_memory(
    small: tuple[EventLog, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only directory costs the time to build it, nothing else."""
    log, _ = small

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("core.capsule.index.store.open_private", refused)
    with Index(log) as index:
        assert index.update() == 50
        assert index.count(Filter()) == 50
        log.append(decision())
        assert index.update() == 51
    assert not (log.path / "index.sqlite").exists()
    log.close()


def test_fields_of_any_type_are_survived(tmp_path: Path) -> None:
    """A planted log whose hashes hold and whose fields are anything is indexed without trouble."""
    odd: list[Any] = [
        None,
        True,
        7,
        1e300,
        -1,
        "x",
        "\ud7ff\x1b[2J",
        [],
        {},
        [1, {"a": 2}],
        "9" * 500,
    ]
    names = [
        "mode",
        "reason",
        "backend",
        "model",
        "origin",
        "error",
        "success",
        "is_fallback",
        "time",
        "call_id",
        "latency_ms",
        "ttft_ms",
        "detail",
        "error_message",
    ]
    tmp_path = tmp_path / "capsule"
    tmp_path.mkdir()
    prev, seq = GENESIS, 0
    with (tmp_path / "events-000001.jsonl").open("wb") as segment:
        for name in names:
            for value in odd:
                seq += 1
                fields = json.dumps({"event_type": "LLMCall", name: value})[:-1].encode()
                line, prev = complete_line(fields, seq, "2026-01-12T10:30:16.050Z", prev)
                segment.write(line)
    with Index(EventLog(tmp_path)) as index:
        assert index.update() == seq == len(names) * len(odd)
        rows = index.page(Filter(), 0, 1000)
        assert [row.seq for row in rows] == list(range(1, seq + 1))
        assert index.count(Filter(text="x")) >= 6
        assert index.latency(1e9, "x").calls == 0
