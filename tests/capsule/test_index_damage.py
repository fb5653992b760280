"""Whatever happens to the index's file or to the log: built again, or said plainly."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog, Record
from core.capsule.index import EventFilter, Index, Latency
from core.capsule.record import GENESIS, complete_line
from core.errors import CapsuleCorrupt, CapsuleError
from tests.support.capsule.filling import fill, index_file
from tests.support.capsule.making import decision

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_nothing_is_made_where_there_is_no_capsule(tmp_path: Path) -> None:
    """An empty workspace stays empty, and has no events."""
    with Index(EventLog(tmp_path / "capsule")) as index:
        assert index.update() == 0
        assert index.count(EventFilter()) == 0
        assert index.page(EventFilter(), 0, 5) == []
        assert index.latency(60, "reflex") == Latency(0, None, None, None, None)
        assert index.call("c") == []
    assert list(tmp_path.iterdir()) == []


def test_its_file_is_private(small: tuple[EventLog, list[Record]]) -> None:
    """0600 for the file and its companions, whatever the umask."""
    before = os.umask(0)
    try:
        with Index(small[0]) as index:
            index.update()
            files = list(index_file(small[0].path).parent.glob("index.sqlite*"))
            assert len(files) > 1
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("exclusive", [False, True], ids=["written", "locked"])
def test_an_index_that_somebody_holds_is_kept(
    small: tuple[EventLog, list[Record]], monkeypatch: pytest.MonkeyPatch, *, exclusive: bool
) -> None:
    """It is busy, not damaged: what is being written does not keep others from opening it."""
    with Index(small[0]) as index:
        index.update()
    file = index_file(small[0].path)
    before = file.stat().st_ino
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.1))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        if exclusive:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        with Index(small[0]) as index:
            if exclusive:
                with pytest.raises(CapsuleError, match="written by another process"):
                    index.count(EventFilter())
            else:
                assert index.count(EventFilter()) == len(small[1])
    assert file.stat().st_ino == before
    with Index(small[0]) as index:
        assert index.count(EventFilter()) == len(small[1])


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
    other = path.parents[2] / "other"
    fill(other, 60, seed=9)
    with Index(EventLog(other)) as index:
        index.update()
    shutil.copy(index_file(other), path)


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
        DAMAGES[how](index_file(log.path))
        precious = index_file(log.path).parent.parent / "precious"
        before = precious.read_bytes() if precious.exists() else b""
        assert index.count(EventFilter()) in {0, 50, 60}
        log.append(decision("one more"))
        assert index.update() == 51
        assert index.count(EventFilter()) == 51
        assert [row.seq for row in index.page(EventFilter(), 0, 99)] == list(range(1, 52))
        assert index.call("c3") == records[6:8]
        if before:
            assert precious.read_bytes() == before
    log.close()


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
        assert index.count(EventFilter()) == 30


def test_where_no_file_can_be_kept_it_is_held_in_memory(
    small: tuple[EventLog, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only directory costs the time to build it, nothing else."""
    log, _ = small

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("core.capsule.index.store.open_state", refused)
    with Index(log) as index:
        assert index.update() == 50
        assert index.count(EventFilter()) == 50
        log.append(decision())
        assert index.update() == 51
    assert not index_file(log.path).exists()
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
        rows = index.page(EventFilter(), 0, 1000)
        assert [row.seq for row in rows] == list(range(1, seq + 1))
        assert index.count(EventFilter(text="x")) >= 6
        assert index.latency(1e9, "x").calls == 0


def hot_journal(database: Path, victim: Path) -> None:
    """A database and a rollback journal that, played back, has SQLite remove ``victim``."""
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE t (x)")
    db.close()
    magic = bytes.fromhex("d9d505f920a163d7")
    header = magic + struct.pack(">5I", 0, 7, 2, 512, 4096)
    name = str(victim).encode()
    page = (0x40000000 // 4096) + 1
    super_journal = struct.pack(">I", page) + name
    super_journal += struct.pack(">II", len(name), sum(name)) + magic
    journal = database.with_name(database.name + "-journal")
    journal.write_bytes(header.ljust(512, b"\0") + super_journal)


def test_the_planted_journal_is_one_that_sqlite_obeys(tmp_path: Path) -> None:
    """So that the next test cannot pass for a broken plant."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    hot_journal(tmp_path / "x.sqlite", victim)
    with contextlib.suppress(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "x.sqlite").execute("SELECT * FROM t")
    assert not victim.exists()


@pytest.mark.parametrize("home", ["usual", "none", "read-only", "in the workspace"])
def test_a_planted_index_is_never_opened(
    small: tuple[EventLog, list[Record]],
    home: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What lies in the workspace stays as it is, and does nothing, whatever home there is."""
    log, _ = small
    victim = tmp_path / "victim"
    victim.write_text("precious")
    hot_journal(log.path / "index.sqlite", victim)
    for suffix in ("-wal", "-shm"):
        (log.path / f"index.sqlite{suffix}").write_bytes(b"planted")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    if home == "none":
        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        monkeypatch.chdir(tmp_path)
    elif home == "read-only":
        monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    elif home == "in the workspace":
        monkeypatch.setenv("XDG_STATE_HOME", str(log.path / "state"))
    with Index(log) as index:
        assert index.update() == 50
        assert index.count(EventFilter()) == 50
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_journal_beside_the_users_own_index_is_not_obeyed(
    small: tuple[EventLog, list[Record]], tmp_path: Path
) -> None:
    """The index never has a rollback journal, so one that is there was put there."""
    log, _ = small
    file = index_file(log.path)
    file.parent.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    hot_journal(file, victim)
    with Index(log) as index:
        assert index.update() == 50
    assert victim.exists()


def test_indexes_of_capsules_that_are_gone_are_removed(
    small: tuple[EventLog, list[Record]], tmp_path: Path
) -> None:
    """The user's state directory does not fill with them."""
    log, _ = small
    with Index(log) as index:
        index.update()
    left = index_file(log.path).parent
    log.close()
    log.path.rename(tmp_path / "moved")
    with Index(EventLog(tmp_path / "moved")) as index:
        assert index.update() == 50
    assert not left.exists()
