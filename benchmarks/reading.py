"""Reading a capsule of a million events: the last ones, percentiles, filters, the index anew.

DuckDB over the same files is the peer where it is installed. As a curve: time per event of
building the index at 10³ to 10⁶ events.

    python benchmarks/reading.py [--quick]
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard_load import make
from processes import versions
from table import Curve, Given, Result, Row, main, middle, number

from core.capsule import EventLog
from core.capsule.index import EventFilter, Index

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1000, 10_000, 100_000, 1_000_000)
# The dashboard's own, and all of it.
WINDOW_S, DAY_S = 900.0, 86_400.0
PAGE = 200
TAIL_MEANWHILE_MS = 100.0


def measure(given: Given) -> Result:
    """Medians in ms over a million events, and s for the index."""
    result = Result("reading", versions=versions(given, ["duckdb"]))
    points = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name) / "capsule"
            make(directory, size)
            with EventLog(directory) as log, Index(log) as index:
                seconds, tail_ms = built(index, log)
                points.append((f"{size:,}", number(seconds), number(1e6 * seconds / size)))
                if size == SIZES[-1]:
                    result.rows += rows(given, index, log, directory)
                    result.rows.append(
                        Row(
                            "1,000,000 events: index from nothing",
                            "s",
                            seconds,
                            "≤ 15 s, the tail shown meanwhile",
                            seconds <= 15 and tail_ms <= TAIL_MEANWHILE_MS,
                            ratio=f"last {PAGE} meanwhile in {number(tail_ms)} ms",
                        )
                    )
    per_event = [float(point[2].replace(",", "")) for point in points]
    flattest = next(n for n, cost in enumerate(per_event) if cost <= 1.2 * min(per_event))
    result.curves.append(
        Curve(
            "Building the index",
            ("events", "s", "µs an event"),
            points,
            f"from {points[flattest][0]} events on the time an event stays within a fifth of its"
            " least; below, opening the store outweighs it.",
        )
    )
    return result


def built(index: Index, log: EventLog) -> tuple[float, float]:
    """Seconds to build the index, and the longest that the tail took in between, in ms."""
    tails = [0.0]
    began = time.perf_counter()

    def look(_seq: int, _share: float) -> None:
        if time.perf_counter() - began > len(tails):
            since = time.perf_counter()
            log.tail(PAGE)
            tails.append(1000 * (time.perf_counter() - since))

    index.update(look)
    return time.perf_counter() - began, max(tails)


def rows(given: Given, index: Index, log: EventLog, directory: Path) -> list[Row]:
    """Each question's row; the index is complete."""
    filtered = EventFilter(mode="cloud", reason="thresholds_not_met")
    repetitions = given.times(9, 50)
    ours = {
        f"last {PAGE}": _ms(lambda: log.tail(PAGE), repetitions),
        "P50/P95 of 15 min": _ms(lambda: index.latency(WINDOW_S, "reflex"), repetitions),
        "filter by mode and reason": _ms(lambda: _page(log, filtered), repetitions),
        "P50/P95 of all": _ms(lambda: index.latency(DAY_S, "reflex"), 3),
    }
    theirs = duckdb(given, directory, given.times(3, 9))
    targets = dict(zip(ours, (2.0, 10.0, 20.0, None), strict=True))
    return [
        Row(
            f"1,000,000 events: {what}",
            "ms",
            ours[what],
            f"≤ {most:g} ms" if most else "–",
            ours[what] <= most if most else None,
            peers={"DuckDB": theirs[what]} if theirs else {},
        )
        for what, most in targets.items()
    ]


def _page(log: EventLog, wanted: EventFilter) -> None:
    # By a reader who has not counted this filter before.
    with Index(log) as index:
        count = index.count(wanted)
        found = index.page(wanted, count - PAGE, PAGE)
    assert len(found) == PAGE, (count, len(found))


def _ms(ask: Callable[[], object], repetitions: int) -> float:
    ask()
    taken = []
    for _ in range(repetitions):
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    return middle(taken)


_PROGRAM = """
import duckdb, json, statistics, sys, time
db = duckdb.connect()
db.execute("set enable_progress_bar = false")
files, page, repetitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db.execute(f"create table events as select * from read_json_auto('{files}', format='newline_delimited', maximum_object_size=1048576)")
quantiles = "select quantile_disc(latency_ms, [0.5, 0.95]) from events where event_type = 'LLMCall' and mode = 'reflex' and success"
questions = {
    f"last {page}": f"select * from events order by seq desc limit {page}",
    "P50/P95 of 15 min": quantiles + " and time >= (select max(time) - interval 15 minute from events)",
    "P50/P95 of all": quantiles,
    "filter by mode and reason": f"select * from events where mode = 'cloud' and reason = 'thresholds_not_met' order by seq desc limit {page}",
}
found = {}
for name, sql in questions.items():
    taken = []
    for _ in range(repetitions):
        began = time.perf_counter()
        db.execute(sql).fetchall()
        taken.append(1000 * (time.perf_counter() - began))
    found[name] = statistics.median(taken)
print(json.dumps(found))
"""  # noqa: E501


def duckdb(given: Given, directory: Path, repetitions: int) -> dict[str, float]:
    """DuckDB's medians in ms over a table that it loaded before; empty where not installed."""
    if not given.installed("duckdb"):
        return {}
    files = str(directory / "events-*.jsonl")
    told = subprocess.run(
        [given.peers, "-c", _PROGRAM, files, str(PAGE), str(repetitions)],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main(measure)
