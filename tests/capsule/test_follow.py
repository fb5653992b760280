"""Following the log live: other threads, other processes, new segments, a new capsule."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from queue import Queue
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog, Record
from core.errors import CapsuleCorrupt
from tests.support.capsule.making import QuickDisk, decision
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Following:
    """A thread that follows a log, and what it saw."""

    def __init__(self, log: EventLog, after: int | None) -> None:
        self.seen: Queue[Record | Exception] = Queue()
        self.stop = threading.Event()
        self._records = log.follow(after, poll_s=0.002, stop=self.stop)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for record in self._records:
                self.seen.put(record)
        except CapsuleCorrupt as error:
            self.seen.put(error)

    def next(self, count: int) -> list[str]:
        """The call_ids of the next ``count`` records."""
        records = [self.seen.get(timeout=PATIENCE_S) for _ in range(count)]
        assert all(isinstance(record, Record) for record in records), records
        return [record.body["call_id"] for record in records if isinstance(record, Record)]

    def end(self) -> None:
        """Stop following."""
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """A log of small segments."""
    with EventLog(tmp_path / "capsule", segment_bytes=2000, disk=QuickDisk()) as log:
        yield log


@pytest.fixture
def follow(log: EventLog) -> Iterator[type[Following]]:
    """Makes followers and ends them."""
    made: list[Following] = []

    class Ended(Following):
        def __init__(self, log: EventLog, after: int | None) -> None:
            super().__init__(log, after)
            made.append(self)

    yield Ended
    for following in made:
        following.end()


def names(first: int, last: int) -> list[str]:
    """call_ids from ``first`` to before ``last``."""
    return [f"c{number}" for number in range(first, last)]


def append(log: EventLog, first: int, last: int) -> None:
    """Append them."""
    for name in names(first, last):
        log.append(decision(name))


def test_from_now_on_and_from_a_seq(log: EventLog, follow: type[Following]) -> None:
    """None begins after what is there when ``follow`` is called; a seq begins after it."""
    append(log, 0, 30)
    now, after, everything = follow(log, None), follow(log, 12), follow(log, 0)
    append(log, 30, 60)
    assert now.next(30) == names(30, 60)
    assert after.next(48) == names(12, 60)
    assert everything.next(60) == names(0, 60)


def test_a_capsule_not_there_yet_is_waited_for(log: EventLog, follow: type[Following]) -> None:
    """Followers of nothing see the first events of any process."""
    waiting = [follow(log, after) for after in (None, 0)]
    script = (
        "import sys; from core.capsule import EventLog\n"
        "from tests.support.capsule.making import decision\n"
        "log = EventLog(sys.argv[1], segment_bytes=2000)\n"
        "for number in range(25): log.append(decision(f'c{number}'))"
    )
    subprocess.run([sys.executable, "-c", script, str(log.path)], check=True)
    for following in waiting:
        assert following.next(25) == names(0, 25)


@pytest.mark.parametrize("how", ["removed", "moved", "truncated"])
def test_a_replaced_capsule_is_followed_again(
    log: EventLog, follow: type[Following], how: str, tmp_path: Path
) -> None:
    """After the capsule was taken away the new one's records come, from seq 1."""
    append(log, 0, 20)
    following = follow(log, 15)
    assert following.next(5) == names(15, 20)
    if how == "removed":
        shutil.rmtree(log.path)
    elif how == "moved":
        log.path.rename(tmp_path / "aside")
    else:
        for segment in sorted(log.path.glob("events-*"))[1:]:
            segment.unlink()
        (log.path / "events-000001.jsonl").write_bytes(b"")
    append(log, 50, 53)
    records = [following.seen.get(timeout=PATIENCE_S) for _ in range(3)]
    assert [record.seq for record in records if isinstance(record, Record)] == [1, 2, 3]


def test_a_new_log_in_the_old_ones_file_is_noticed(follow: type[Following], tmp_path: Path) -> None:
    """A file is known by how it begins: a new one may have the old one's number and more in it."""
    with EventLog(tmp_path / "one") as one, EventLog(tmp_path / "other") as other:
        append(one, 0, 5)
        append(other, 50, 70)
        following = follow(one, 0)
        assert following.next(5) == names(0, 5)
        segment = "events-000001.jsonl"
        (one.path / segment).write_bytes((other.path / segment).read_bytes())
        records = [following.seen.get(timeout=PATIENCE_S) for _ in range(3)]
    assert [record.seq for record in records if isinstance(record, Record)] == [1, 2, 3]


def test_a_seq_beyond_the_end_is_waited_for(log: EventLog, follow: type[Following]) -> None:
    """Only records after the seq that was asked for come."""
    append(log, 0, 3)
    following = follow(log, 5)
    append(log, 3, 8)
    assert following.next(3) == names(5, 8)


def test_damage_is_told_and_following_goes_on_after_it(
    log: EventLog, follow: type[Following]
) -> None:
    """A damaged line ends the iterator with its place; following from beyond it works."""
    append(log, 0, 4)
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"c1"', b'"cX"'))
    following = follow(log, 0)
    assert following.next(1) == ["c0"]
    error = following.seen.get(timeout=PATIENCE_S)
    assert isinstance(error, CapsuleCorrupt)
    assert (error.segment, error.line) == ("events-000001.jsonl", 2)
    assert follow(log, 2).next(2) == ["c2", "c3"]


def test_waiting_takes_no_processor_time(log: EventLog) -> None:
    """Between polls a follower sleeps: it asks ``stop`` once a poll, and ends when that is set."""
    append(log, 0, 2)

    class Counted(threading.Event):
        waits: list[float | None]

        def wait(self, timeout: float | None = None) -> bool:
            self.waits.append(timeout)
            return len(self.waits) == 5

    stop = Counted()
    stop.waits = []
    assert len(list(log.follow(0, poll_s=0.25, stop=stop))) == 2
    assert stop.waits == [0.25] * 5
