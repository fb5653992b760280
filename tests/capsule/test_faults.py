"""A disk that fails: nothing is acknowledged falsely, nothing damaged, and the reason is told."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from core.capsule import EventLog
from core.errors import CapsuleError, CapsulePoisoned
from tests.support.capsule.making import FULL, FaultyDisk, QuickDisk, decision
from tests.support.patience import PATIENCE_S

EVENTS = 60 if FULL else 15
ONE_LINE = 700  # more than the line of a decision, less than one and a half


def outcome(path: Path, disk: FaultyDisk) -> tuple[dict[int, str], list[CapsuleError]]:
    """What was acknowledged of ``EVENTS`` appends, and what was raised."""
    acknowledged: dict[int, str] = {}
    errors: list[CapsuleError] = []
    with EventLog(path, segment_bytes=3 * ONE_LINE, disk=disk) as log:
        for number in range(EVENTS):
            try:
                record = log.append(decision(f"c{number}"))
            except CapsuleError as error:
                errors.append(error)
            else:
                acknowledged[record.seq] = f"c{number}"
    return acknowledged, errors


def check(path: Path, acknowledged: dict[int, str]) -> None:
    """Every acknowledged record is there once, the log verifies and goes on."""
    with EventLog(path) as log:
        found = {record.seq: record.body["call_id"] for record in log.read()}
        assert acknowledged.items() <= found.items()
        assert len(set(found.values())) == len(found)
        assert log.verify().ok
        assert log.append(decision("afterwards")).seq == len(found) + 1


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("partly", [0, 1, ONE_LINE // 2])
def test_every_write_fails_in_turn(tmp_path: Path, *, for_good: bool, partly: int) -> None:
    """The Nth write fails, for each N: once costs one event, for good costs all after it."""
    for nth in range(1, EVENTS + 1):
        path = tmp_path / str(nth)
        disk = FaultyDisk("write", nth, for_good=for_good, partly=partly, code=errno.ENOSPC)
        acknowledged, errors = outcome(path, disk)
        assert len(errors) == (EVENTS - nth + 1 if for_good else 1)
        assert not any(isinstance(error, CapsulePoisoned) for error in errors)
        assert "disk is full" in errors[0].message
        assert len(acknowledged) == EVENTS - len(errors)
        check(path, acknowledged)


@pytest.mark.parametrize("operation", ["sync", "sync_directory"])
@pytest.mark.parametrize("for_good", [False, True])
def test_every_sync_fails_in_turn(tmp_path: Path, operation: str, *, for_good: bool) -> None:
    """The Nth sync fails, for each N: that writer acknowledges nothing any more, a new one may."""
    rehearsal = FaultyDisk()
    outcome(tmp_path / "rehearsal", rehearsal)
    assert rehearsal.calls[operation] > 5
    for nth in range(1, rehearsal.calls[operation] + 1):
        path = tmp_path / f"{nth}"
        acknowledged, errors = outcome(path, FaultyDisk(operation, nth, for_good=for_good))
        assert len(acknowledged) + len(errors) == EVENTS
        assert errors
        assert all(isinstance(error, CapsulePoisoned) for error in errors)
        assert sorted(acknowledged) == list(range(1, len(acknowledged) + 1))
        check(path, acknowledged)


@pytest.mark.parametrize("operation", ["create", "truncate"])
def test_other_calls_fail_and_are_done_again(tmp_path: Path, operation: str) -> None:
    """A segment that cannot be made, or a part that cannot be cut off, costs no other event."""
    for nth in range(1, 4):
        path = tmp_path / f"{nth}"
        disk = FaultyDisk(operation, nth, code=errno.EROFS)
        if operation == "truncate":
            EventLog(path).append(decision("first"))
            with (path / "events-000001.jsonl").open("ab") as torn:
                torn.write(b'{"event_type":')
            disk = FaultyDisk(operation, 1, code=errno.EROFS)
        acknowledged, errors = outcome(path, disk)
        assert [error.message for error in errors if "not be written" in error.message]
        assert len(errors) == 1
        check(path, acknowledged)


def test_a_part_that_cannot_be_cut_off_is_cut_off_later(tmp_path: Path) -> None:
    """A write fails half-way and the cut fails too: readers see no part, the next writer fixes."""

    class Failing(FaultyDisk):
        def truncate(self, fd: int, size: int) -> None:
            if not self.calls.get("truncate"):
                self.calls["truncate"] = 1
                raise OSError(errno.EIO, "cut")
            super().truncate(fd, size)

    disk = Failing("write", 3, partly=100, code=errno.ENOSPC)
    acknowledged, errors = outcome(tmp_path / "c", disk)
    assert (len(acknowledged), len(errors)) == (EVENTS - 1, 1)
    check(tmp_path / "c", acknowledged)


def test_of_a_batch_the_whole_lines_that_fitted_are_kept(tmp_path: Path) -> None:
    """A reader may have seen a whole line, so it stays, and its append is acknowledged."""
    import threading

    entered, go_on = threading.Event(), threading.Event()

    class Filling(FaultyDisk):
        def sync(self, fd: int) -> None:
            if not entered.is_set():
                entered.set()
                go_on.wait(PATIENCE_S)
            super().sync(fd)

    results: list[str] = []

    def work(name: str) -> None:
        try:
            results.append(f"seq {log.append(decision(name)).seq}")
        except CapsuleError as error:
            results.append(type(error).__name__)

    disk = Filling("write", 2, partly=2 * ONE_LINE, code=errno.ENOSPC)
    with EventLog(tmp_path / "c", disk=disk) as log:
        threads = [threading.Thread(target=work, args=(f"c{name}",)) for name in range(6)]
        threads[0].start()
        assert entered.wait(PATIENCE_S)
        for thread in threads[1:]:
            thread.start()
        while len(log._appender._group._waiting) < 5:
            pass
        go_on.set()
        for thread in threads:
            thread.join()
    assert sorted(results) == ["CapsuleError"] * 3 + ["seq 1", "seq 2", "seq 3"]
    assert EventLog(tmp_path / "c").verify().records == 3


def run_child(script: str, *arguments: str) -> list[str]:
    """The lines a Python process prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.splitlines()


FULL_DISK = """
    import resource, sys
    from core.capsule import EventLog
    from core.errors import CapsuleError
    from tests.support.capsule.making import decision

    resource.setrlimit(resource.RLIMIT_FSIZE, (7000, resource.RLIM_INFINITY))
    log = EventLog(sys.argv[1])
    for number in range(1000):
        try:
            last = log.append(decision(f"c{number}")).seq
        except CapsuleError as error:
            print(last, type(error).__name__, error.remedy)
            break
    print(log.verify().records)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(log.append(decision("fixed")).seq)
"""


def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    """The kernel's own limit: a typed error that says what to do, no damage, and on it goes."""
    refused, records, fixed = run_child(FULL_DISK, str(tmp_path / "capsule"))
    last, kind, remedy = refused.split(" ", 2)
    assert kind == "CapsuleError"
    assert remedy.startswith("Free some space")
    assert records == last
    assert int(fixed) == int(last) + 1
    assert EventLog(tmp_path / "capsule").verify().ok


READ_ONLY = """
    import os, sys, tempfile
    from core.capsule import EventLog
    from core.errors import CapsuleError
    from tests.support.capsule.making import decision

    place = tempfile.mkdtemp()
    os.chmod(place, 0o755)
    log = EventLog(place + "/.speckit/capsule")
    if os.geteuid() == 0:
        os.seteuid(65534)  # permissions do not bind root
    else:
        os.chmod(place, 0o555)
    try:
        log.append(decision())
    except CapsuleError as error:
        print(type(error).__name__, error.remedy)
    print(list(log.read()), log.verify().ok, os.listdir(place))
    if os.geteuid() == 65534:
        os.seteuid(0)
    os.chmod(place, 0o755)
    print(log.append(decision()).seq)
    print(place)
"""


def test_a_read_only_directory_is_told(tmp_path: Path) -> None:
    """No permission: a typed error that says what to do, nothing made, and on it goes."""
    refused, left, fixed, place = run_child(READ_ONLY)
    assert refused.startswith("CapsuleError Make ")
    assert refused.endswith("writable for this user.")
    assert left == "[] True []"
    assert fixed == "1"
    subprocess.run(["rm", "-r", place], check=True)


def test_a_file_in_the_capsules_place_is_told(tmp_path: Path) -> None:
    """A path that leads through a file is a typed error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CapsuleError, match="cannot record"):
        EventLog(tmp_path / "file" / "capsule").append(decision())
    assert list(EventLog(tmp_path / "file" / "capsule").read()) == []
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


class WatchedDisk(QuickDisk):
    """Notes what is written, synced and made, by the files' names; may be broken off at a sync."""

    def __init__(self, *, breaks_off: bool = False) -> None:
        self.done: list[tuple[str, str]] = []
        self.breaks_off = breaks_off

    def _note(self, what: str, fd: int) -> None:
        self.done.append((what, Path(f"/proc/self/fd/{fd}").readlink().name))

    def write(self, fd: int, data: bytes) -> int:
        """Write, and note it."""
        self._note("write", fd)
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        """Note it; or the process is interrupted before."""
        if self.breaks_off:
            raise KeyboardInterrupt
        self._note("sync", fd)

    def create(self, path: Path) -> None:
        """Make it, and note it."""
        self.done.append(("create", path.name))
        super().create(path)


@pytest.mark.parametrize("who", ["the same writer", "another writer"])
def test_a_full_segment_is_synced_before_the_next_is_begun(tmp_path: Path, who: str) -> None:
    """What a writer left unsynced there, interrupted, is before what is acknowledged next."""
    path = tmp_path / "capsule"
    disk = WatchedDisk(breaks_off=True)
    with EventLog(path, segment_bytes=ONE_LINE // 2, disk=disk) as first:
        with pytest.raises(KeyboardInterrupt):
            first.append(decision("written, not synced"))
        assert ("write", "events-000001.jsonl") in disk.done
        assert disk.done[-1][0] == "write"
        if who == "another writer":
            disk = WatchedDisk()
        disk.breaks_off = False
        disk.done.clear()
        with EventLog(path, segment_bytes=ONE_LINE // 2, disk=disk) as second:
            writer = second if who == "another writer" else first
            assert writer.append(decision("acknowledged")).segment == 2
    first_sync = disk.done.index(("sync", "events-000001.jsonl"))
    assert first_sync < disk.done.index(("create", "events-000002.jsonl"))
    assert disk.done[-1] == ("sync", "events-000002.jsonl")
