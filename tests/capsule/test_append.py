"""Appending: what is acknowledged is there, in order, private, and only where it may be."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from core.capsule import GENESIS, EventLog
from core.capsule.logend import Disk, filesystem_type
from core.errors import CapsuleCorrupt, CapsuleError
from tests.support.capsule.making import decision
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """A log whose segments are small."""
    with EventLog(tmp_path / ".speckit" / "capsule", segment_bytes=4000) as log:
        yield log


def segments(log: EventLog) -> list[str]:
    """The names of the log's segments."""
    return sorted(path.name for path in log.path.glob("events-*"))


def test_nothing_is_touched_before_the_first_append(log: EventLog) -> None:
    """Constructing, reading and verifying leave no trace."""
    assert log.head() == (0, GENESIS)
    assert list(log.read()) == []
    assert log.verify().ok
    assert not log.path.exists()


def test_the_returned_record_is_what_lies_on_disk(log: EventLog) -> None:
    """What append returns equals what a reader finds, the body too."""
    records = [log.append(decision(f"c{number}")) for number in range(20)]
    read = list(EventLog(log.path).read())
    assert records == read
    assert [dict(record.body) for record in records] == [dict(record.body) for record in read]
    assert [record.seq for record in read] == list(range(1, 21))
    assert read[0].prev == GENESIS
    assert all(after.prev == before.hash for before, after in pairwise(read))
    line = (log.path / "events-000001.jsonl").read_bytes().splitlines()[0]
    assert json.loads(line)["event_type"] == "RoutingDecision"


def test_segments_roll_over_without_a_gap(log: EventLog) -> None:
    """Many small segments hold one unbroken chain, and two writers share it."""
    other = EventLog(log.path, segment_bytes=1000)
    for number in range(60):
        (log if number % 3 else other).append(decision(f"c{number}"))
    other.close()
    assert len(segments(log)) > 5
    verified = log.verify()
    assert (verified.ok, verified.records) == (True, 60)


def test_threads_append_at_once_across_roll_over(log: EventLog) -> None:
    """Sixteen threads share one EventLog: every acknowledgement is one record, none twice."""
    acknowledged: list[tuple[int, str]] = []

    def work(name: int) -> None:
        for number in range(20):
            call_id = f"{name}-{number}"
            acknowledged.append((log.append(decision(call_id)).seq, call_id))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = [(record.seq, record.body["call_id"]) for record in log.read()]
    assert sorted(acknowledged) == read
    assert len(read) == 320
    assert log.verify().ok


async def test_tasks_append_at_once(log: EventLog) -> None:
    """Sixty-four tasks of one loop: every acknowledgement is one record; errors reach the task."""

    async def work(name: int) -> list[tuple[int, str]]:
        call_ids = [f"{name}-{number}" for number in range(5)]
        return [((await log.append_async(decision(call_id))).seq, call_id) for call_id in call_ids]

    acknowledged = await asyncio.gather(*(work(name) for name in range(64)))
    read = [(record.seq, record.body["call_id"]) for record in log.read()]
    assert sorted(pair for pairs in acknowledged for pair in pairs) == read
    assert log.verify().records == 320
    with (log.path / segments(log)[-1]).open("ab") as segment:
        segment.write(b"damaged\n")
    with pytest.raises(CapsuleCorrupt):
        await log.append_async(decision())


class HeldDisk(Disk):
    """A disk whose syncs wait until they may go on; it counts them."""

    def __init__(self) -> None:
        self.syncs = 0
        self.entered, self.go_on = threading.Event(), threading.Event()

    def sync(self, fd: int) -> None:
        """Wait, then do it."""
        self.syncs += 1
        self.entered.set()
        self.go_on.wait(PATIENCE_S)
        super().sync(fd)


async def test_events_begun_together_stand_in_order_and_share_a_sync(tmp_path: Path) -> None:
    """What waits behind a sync is made durable by one more, each behind what was begun before."""
    disk = HeldDisk()
    with EventLog(tmp_path / "capsule", disk=disk) as log:
        first = log.begin(decision("first"))
        await asyncio.to_thread(disk.entered.wait, PATIENCE_S)
        begun = [log.begin(decision(name)) for name in ("call", "breaker", "decision")]
        disk.go_on.set()
        assert (await begun[-1]).seq == 4
        found = [await first, *[await each for each in begun[:-1]]]
        assert [record.body["call_id"] for record in found] == ["first", "call", "breaker"]
    assert disk.syncs == 2


async def test_what_nobody_waits_for_is_recorded_before_the_log_closes(log: EventLog) -> None:
    """An event that was begun is in the log once that is closed."""
    log.begin(decision("left"))
    log.close()
    assert [record.body["call_id"] for record in log.read()] == ["left"]


def test_threads_share_syncs(tmp_path: Path) -> None:
    """What gathers while a sync is under way is made durable by one sync more."""
    disk = HeldDisk()
    with EventLog(tmp_path / "capsule", disk=disk) as log:
        threads = [threading.Thread(target=log.append, args=(decision(),)) for _ in range(9)]
        threads[0].start()
        assert disk.entered.wait(PATIENCE_S)
        for thread in threads[1:]:
            thread.start()
        group = log._appender._group
        while len(group._waiting) < 8:
            pass
        disk.go_on.set()
        for thread in threads:
            thread.join()
        assert disk.syncs == 2
        assert log.verify().records == 9


def test_everything_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Files 0600, directories 0700, under a umask of 0 and of 0777."""
    for umask in (0, 0o777):
        root = tmp_path / f"{umask:o}"
        before = os.umask(umask)
        try:
            with EventLog(root / ".speckit" / "capsule", segment_bytes=500) as log:
                log.append(decision())
                log.append(decision())
        finally:
            os.umask(before)
        made = [root, *root.rglob("*")]
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
        assert len(made) == 7
        assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in made}


def test_the_capsule_keeps_itself_out_of_git(log: EventLog) -> None:
    """Prompts are not committed by accident."""
    log.append(decision())
    assert (log.path / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("how", ["removed", "moved", "segment removed", "lock removed"])
def test_a_capsule_taken_away_under_a_writer(log: EventLog, how: str, tmp_path: Path) -> None:
    """The next append goes into what is at the path now, never into what was taken away."""
    log.append(decision("old"))
    if how == "removed":
        shutil.rmtree(log.path)
    elif how == "moved":
        log.path.rename(tmp_path / "aside")
    elif how == "segment removed":
        (log.path / "events-000001.jsonl").unlink()
    else:
        (log.path / "lock").unlink()
    record = log.append(decision("new"))
    assert record.seq == (2 if how == "lock removed" else 1)
    assert log.tail(1) == [record]
    assert log.verify().ok


@pytest.mark.parametrize("name", ["events-000001.jsonl", "lock"])
def test_links_are_refused(log: EventLog, name: str, tmp_path: Path) -> None:
    """A repository cannot make us write to, or cut, a file elsewhere by planting a link."""
    target = tmp_path / "precious"
    target.write_text("no line end")
    log.path.mkdir(parents=True)
    (log.path / name).symlink_to(target)
    with pytest.raises(CapsuleError, match=r"is a link|not a regular file") as caught:
        log.append(decision())
    assert "Remove it" in caught.value.remedy
    assert target.read_text() == "no line end"
    if name != "lock":
        with pytest.raises(CapsuleError, match=r"is a link|not a regular file"):
            list(log.read())


def test_a_pipe_is_refused_at_once(log: EventLog) -> None:
    """A named pipe in a segment's place blocks nobody."""
    log.path.mkdir(parents=True)
    os.mkfifo(log.path / "events-000001.jsonl")
    with pytest.raises(CapsuleError, match=r"is a link|not a regular file"):
        log.append(decision())


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "9p", "ext4"])
def test_network_file_systems_are_refused(tmp_path: Path, kind: str) -> None:
    """Where locks and syncs cannot be relied upon nothing is recorded, and the reason is told."""

    class Elsewhere(Disk):
        def filesystem(self, path: Path) -> str:
            return kind

    with EventLog(tmp_path / "capsule", disk=Elsewhere()) as log:
        if kind in {"ext4", "9p"}:
            log.append(decision())
            return
        with pytest.raises(CapsuleError, match="network file system") as caught:
            log.append(decision())
    assert "local disk" in caught.value.remedy
    assert list(log.read()) == []


def test_the_innermost_mount_tells_the_file_system(tmp_path: Path) -> None:
    """The mount table's longest and last match counts; its octal escapes are undone."""
    table = (
        "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "30 27 0:40 / /home/a\\040b rw shared:1 - nfs4 host:/export rw\n"
        "31 30 0:41 / /home/a\\040b/local rw - xfs /dev/vdb rw\n"
        "32 27 0:42 / /over rw - ext4 /dev/vdc rw\n"
        "33 32 0:43 / /over rw - fuse.sshfs me@host rw\n"
        "damaged line\n"
    )
    kinds = {
        "/home/x": "ext4",
        "/home/a b/c": "nfs4",
        "/home/a b/local/c": "xfs",
        "/over/d": "fuse.sshfs",
    }
    for path, kind in kinds.items():
        assert filesystem_type(table, type(tmp_path)(path)) == kind
    assert Disk().filesystem(tmp_path) != ""


def test_nothing_is_joined_to_a_damaged_end(log: EventLog) -> None:
    """With a last record that was edited the writer refuses, and says how to go on."""
    log.append(decision())
    segment = log.path / "events-000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"reflex"', b'"cloud"'))
    with pytest.raises(CapsuleCorrupt, match=r"events-000001\.jsonl, line 1") as caught:
        log.append(decision())
    assert "aside" in caught.value.remedy
    log.path.rename(log.path.with_name("aside"))
    assert log.append(decision()).seq == 1


def test_a_forked_child_has_locks_of_its_own(log: EventLog) -> None:
    """Parent and child write through the same EventLog at once, and the chain holds."""
    log.append(decision("before"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for number in range(40):
                log.append(decision(f"child-{number}"))
            status = 0
        finally:
            os._exit(status)
    for number in range(40):
        log.append(decision(f"parent-{number}"))
    assert os.waitpid(child, 0)[1] == 0
    assert (log.verify().ok, log.verify().records) == (True, 81)


def test_a_closed_log_opens_again(log: EventLog) -> None:
    """Closing gives back the files; appending afterwards goes on."""
    log.append(decision())
    log.close()
    log.close()
    assert log.append(decision()).seq == 2
