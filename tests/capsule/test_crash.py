"""Power and processes that end at any moment: nothing acknowledged is lost or written twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from tests.support.capsule.making import FULL, QuickDisk, decision

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 3000 if FULL else 20
PROCESSES = 8
APPENDS = 1000 if FULL else 100


@pytest.mark.timeout(900)
def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    """SIGKILL among four writers: every acknowledged event is there, once, and the chain holds."""
    directory = tmp_path / "capsule"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.capsule.killing", str(directory), str(KILLS)],
        check=True,
        capture_output=True,
        text=True,
    )
    tally = json.loads(done.stdout)
    acknowledged = [tuple(pair) for pair in tally["acknowledged"]]
    with EventLog(directory) as log:
        log.append(decision("last"))  # fixes what the last one killed left
        found = {(record.seq, record.body["call_id"]) for record in log.read()}
        lost = set(acknowledged) - found
        assert (len(lost), len(set(acknowledged))) == (0, len(acknowledged))
        assert len({call_id for _, call_id in found}) == len(found)
        assert log.verify().ok
    assert tally["after_first"] >= KILLS / 2  # a busy machine starts a writer late
    print(f"{KILLS} kills, {tally['after_first']} after a first acknowledgement,", end=" ")  # noqa: T201
    print(f"{len(acknowledged)} acknowledged, {len(lost)} lost, {len(found)} records")  # noqa: T201


def test_the_last_record_cut_at_every_byte(tmp_path: Path) -> None:
    """Whatever part of the last line was written, readers and the next writer meet a whole log."""
    directory = tmp_path / "capsule"
    segment = directory / "events-000001.jsonl"
    log = EventLog(directory, disk=QuickDisk())
    kept = [log.append(decision(f"c{number}")) for number in range(3)]
    whole = segment.read_bytes()
    begin = kept[-1].offset
    for cut in range(begin, len(whole)):
        with segment.open("r+b") as file:
            file.write(whole)
            file.truncate(cut)
        assert list(log.read()) == kept[:2]
        assert log.tail(5) == kept[:2]
        verified = log.verify()
        assert (verified.ok, verified.records, verified.head) == (True, 2, kept[1].hash)
        record = log.append(decision("again"))
        assert (record.seq, record.prev) == (3, kept[1].hash)
        assert log.verify().records == 3
        assert b"again" in segment.read_bytes()[begin:]
    log.close()


@pytest.mark.slow
def test_eight_processes_share_the_log(tmp_path: Path) -> None:
    """Eight processes at once: seq contiguous, each one's events in order, none left behind."""
    directory = tmp_path / "capsule"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.capsule.sharing", str(directory), str(APPENDS)],
        check=True,
        capture_output=True,
        text=True,
    )
    log = EventLog(directory)
    records = list(log.read())
    assert [record.seq for record in records] == list(range(1, PROCESSES * APPENDS + 1))
    assert log.verify().ok
    written: Counter[str] = Counter()
    turns: Counter[str] = Counter()
    for record in records:
        name, number = record.body["call_id"].split("-")
        assert int(number) == written[name]
        written[name] += 1
        # Until the first has written all, the log shows how the turns were dealt.
        if max(written.values()) < APPENDS:
            turns[name] += 1
    assert len(written) == PROCESSES
    if FULL:
        assert min(turns.values()) >= 0.5 * sum(turns.values()) / PROCESSES
    print(f"turns {sorted(turns.values())}, longest append {done.stdout.strip()} ms")  # noqa: T201
