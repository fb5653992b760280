"""Building the index: progress, several processes and threads, going on from an older one."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from core.capsule.index import EventFilter, Index
from tests.support.capsule.filling import COUNT, fill, index_file
from tests.support.capsule.making import decision

if TYPE_CHECKING:
    from core.capsule import EventLog, Record


def test_an_older_index_goes_on_from_where_it_was(small: tuple[EventLog, list[Record]]) -> None:
    """Only what is new is read; a log that was replaced is read from its beginning."""
    log, _ = small
    seen: list[tuple[int, float]] = []
    with Index(log) as index:
        index.update(lambda seq, share: seen.append((seq, share)))
    assert seen == [(50, 1.0)]
    log.append(decision())
    with Index(log) as index:
        assert index.count(EventFilter()) == 50
        assert index.update() == 51
        log.path.rename(log.path.with_name("aside"))
        fill(log.path, 20, seed=3)
        assert index.update() == 20
        assert index.count(EventFilter()) == 20
    log.close()


@pytest.mark.slow
def test_building_tells_its_progress_and_can_stop(filled: tuple[EventLog, list[Record]]) -> None:
    """A large log is indexed in steps; stopping keeps them, and the tail is there all the while."""
    log, records = filled
    index_file(log.path).unlink(missing_ok=True)
    stop = threading.Event()
    shares: list[float] = []

    def progress(seq: int, share: float) -> None:
        shares.append(share)
        assert log.tail(3) == records[-3:]
        assert built.count(EventFilter()) == seq
        stop.set()

    with Index(log) as built:
        reached = built.update(progress, stop)
        assert 0 < reached < COUNT
        assert built.update(lambda _, share: shares.append(share)) == COUNT
    assert 0 < shares[0] < 1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.slow
def test_several_processes_build_it_together(filled: tuple[EventLog, list[Record]]) -> None:
    """Who comes second finds what the first has done; nothing is counted twice."""
    log, _ = filled
    index_file(log.path).unlink(missing_ok=True)
    script = (
        "import sys; from core.capsule import EventLog; from core.capsule.index import *\n"
        "with Index(EventLog(sys.argv[1])) as index: "
        "    print(index.update(), index.count(EventFilter()))"
    )
    command = [sys.executable, "-c", script, str(log.path)]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [builder.communicate(timeout=60)[0] for builder in builders] == [
        f"{COUNT} {COUNT}\n"
    ] * 3


@pytest.mark.slow
def test_threads_may_ask_while_it_is_built(filled: tuple[EventLog, list[Record]]) -> None:
    """Questions from other threads are answered from what is indexed so far."""
    log, _ = filled
    index_file(log.path).unlink(missing_ok=True)
    counts: list[int] = []
    with Index(log) as index:
        builder = threading.Thread(target=index.update)
        builder.start()
        while builder.is_alive():
            counts.append(index.count(EventFilter(mode="cloud")))
        builder.join()
        counts.append(index.count(EventFilter(mode="cloud")))
    assert counts == sorted(counts)
