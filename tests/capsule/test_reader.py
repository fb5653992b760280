"""Reading pages of the log forwards and backwards, over many segments and while it grows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.capsule import EventLog, Record
from core.capsule.events import PolicySnapshotRefEvent
from core.capsule.segments import lines_backward, lines_forward
from core.errors import CapsuleCorrupt
from tests.support.capsule.making import QuickDisk, decision

COUNT = 400


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLog, list[Record]]:
    """A log of many segments, with lines short and very long."""
    path = tmp_path_factory.mktemp("reader") / "capsule"
    with EventLog(path, segment_bytes=150_000, disk=QuickDisk()) as log:
        records = []
        for number in range(COUNT):
            if number % 50 == 7:
                records.append(log.append(PolicySnapshotRefEvent(run_id="r", path=f"p{number}")))
            size = 400_000 if number % 90 == 60 else (number * 37) % 3000
            records.append(log.append(decision(f"c{number}", detail="x" * size)))
    assert len(list(path.glob("events-*"))) > 5
    return log, records


def test_reading_from_anywhere(written: tuple[EventLog, list[Record]]) -> None:
    """``read(after)`` begins at the next record, wherever that lies."""
    log, records = written
    for after in (0, 1, 2, 59, 60, 61, 62, 200, len(records) - 1, len(records), len(records) + 9):
        assert list(log.read(after)) == records[after:]
    assert list(log.read(5, limit=3)) == records[5:8]
    assert list(log.read(limit=0)) == []


def test_the_tail_and_pages_going_up(written: tuple[EventLog, list[Record]]) -> None:
    """``tail`` and ``before`` give ascending pages, short where the log begins."""
    log, records = written
    for count in (0, 1, 2, 50, len(records), len(records) + 1):
        assert log.tail(count) == records[len(records) - min(count, len(records)) :]
    page = log.tail(30)
    pages = list(page)
    while page:
        page = log.before(page[0].seq, 30)
        pages[:0] = page
    assert pages == records
    assert log.before(1, 5) == []
    assert log.before(10_000, 2) == records[-2:]
    assert log.head() == (records[-1].seq, records[-1].hash)


def test_one_record_by_its_seq(written: tuple[EventLog, list[Record]]) -> None:
    """``get`` finds each record, and None beyond the log's ends."""
    log, records = written
    assert [log.get(record.seq) for record in records[::13]] == records[::13]
    assert log.get(0) is None
    assert log.get(len(records) + 1) is None


def test_the_newest_of_a_kind(written: tuple[EventLog, list[Record]]) -> None:
    """``last`` finds the newest event of a type that is wanted, and none where there is none."""
    log, records = written
    references = [record for record in records if record.event_type == "PolicySnapshotRef"]
    assert log.last("PolicySnapshotRef") == references[-1]
    assert log.last("PolicySnapshotRef", after=references[-1].seq) is None
    assert log.last("PolicySnapshotRef", after=references[-1].seq - 1) == references[-1]
    assert log.last("PolicySnapshotRef", where=lambda body: body["path"] == "p7") == references[0]
    assert log.last("PolicySnapshotRef", where=lambda _: False) is None
    assert log.last("RoutingDecision", where=lambda body: body["call_id"] == "c0") == records[0]
    assert log.last("RoutingDecision") == records[-1]
    assert log.last("Policy") is None
    assert log.last("GateDecision") is None
    assert all(
        log.last("RoutingDecision", where=lambda body, seq=seq: body["seq"] == seq)  # type: ignore[misc]
        for seq in range(300, 320)
        if records[seq - 1].event_type == "RoutingDecision"
    )


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 18])
def test_lines_are_the_same_by_any_block(tmp_path: Path, block: int) -> None:
    """Walking lines depends neither on the block's size nor on the direction."""
    content = b"one\n\nthree three three\n" + b"4" * 40_000 + b"\nlast without end"
    (tmp_path / "f").write_bytes(content)
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    try:
        forward = list(lines_forward(fd, 0, block))
        assert [line for _, line in forward] == content.splitlines(keepends=True)
        assert list(lines_backward(fd, len(content))) == forward[::-1]
        assert all(content[at : at + len(line)] == line for at, line in forward)
        assert list(lines_forward(fd, 4, block)) == forward[1:]
        assert list(lines_backward(fd, 5)) == forward[1::-1]
    finally:
        os.close(fd)


def test_a_write_under_way_is_no_error(tmp_path: Path) -> None:
    """Readers leave alone a last line that has no end yet."""
    log = EventLog(tmp_path / "capsule", disk=QuickDisk())
    record = log.append(decision())
    with (log.path / "events-000001.jsonl").open("ab") as segment:
        segment.write(b'{"event_type":"RoutingDecision","run_id"')
    assert list(log.read()) == log.tail(3) == log.before(99, 3) == [record]
    assert log.last("RoutingDecision") == record
    assert log.get(2) is None
    log.close()


@pytest.mark.slow
def test_a_line_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    """A planted gigantic line is damage, whichever way it is met, and costs bounded memory."""
    log = EventLog(tmp_path / "capsule", disk=QuickDisk())
    log.append(decision())
    os.truncate(log.path / "events-000001.jsonl", 200 << 20)  # a hole: all zeros
    for touch in (
        lambda: list(log.read()),
        lambda: log.tail(1),
        lambda: log.append(decision()),
    ):
        with pytest.raises(CapsuleCorrupt):
            touch()
    assert not log.verify().ok
    log.close()


def test_what_may_not_be_read_is_told() -> None:
    """No permission to read is a typed error, and no empty log."""
    script = """
import os, sys
from core.capsule import EventLog
from core.errors import CapsuleError
import core.capsule.log
if os.geteuid() == 0:
    os.setuid(65534)
for touch in (lambda log: list(log.read()), lambda log: log.tail(1), lambda log: log.verify()):
    try:
        print(touch(EventLog(sys.argv[1])))
    except CapsuleError as error:
        print(error.message)
"""
    # Not below pytest's own directory, which another run of pytest would close for all others.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        capsule = Path(directory) / "capsule"
        log = EventLog(capsule, disk=QuickDisk())
        log.append(decision())
        log.close()
        capsule.chmod(0o755)
        segment = capsule / "events-000001.jsonl"
        segment.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", script, str(capsule)], check=True, capture_output=True, text=True
        )
    assert done.stdout.count(f"{segment} cannot be read: Permission denied") == 3


def test_importing_the_package_is_cheap() -> None:
    """Reading the log loads neither pydantic nor sqlite3."""
    script = (
        "import sys; from core.capsule import EventLog\n"
        "print({'pydantic', 'sqlite3'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == "set()\n"
