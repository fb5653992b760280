"""The numbers of ``docs/gate.md`` are what the gate computes."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from core.harness import load_suite
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.gate.criteria import (
    GateThresholds,
    Verdict,
    judge_compliance,
    judge_latency,
    judge_parity,
)
from core.harness.gate.statistics import PairedTable, binomial_cdf, p95_slow_allowed, proven_rate
from core.settings import Thresholds as Configured
from tests.support.gate.tables import cells, promotion_rate

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8").split())
DEFAULTS = Configured()
LIMITS = GateThresholds(
    p95_latency_ms=DEFAULTS.p95_latency_ms,
    success_parity_percent=DEFAULTS.success_parity_percent,
    json_schema_compliance_percent=DEFAULTS.json_schema_compliance_percent,
    confidence=DEFAULTS.confidence,
)
ROW = re.compile(
    r"\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) % \| ([\d.]+) % \| `(\w+)` (?=\|)"
)
ROWS = [tuple(map(int, row[:4])) + row[4:] for row in ROW.findall(PAGE)]


def parity(both: int, reflex: int, cloud: int, neither: int) -> PairedTable:
    """One trial a task."""
    return PairedTable(both, reflex, cloud, neither, both + reflex + cloud + neither, 1.0)


def said(text: str) -> None:
    """The page says so."""
    assert text in PAGE


def test_the_thresholds_are_the_defaults() -> None:
    """The headings name them."""
    said(f"P95 below {LIMITS.p95_latency_ms:g} ms")
    said(f"at least {LIMITS.success_parity_percent:g} % of the cloud's")
    said(f"JSON compliance: {LIMITS.json_schema_compliance_percent:g} %")
    said(f"`confidence = {LIMITS.confidence:g}`")


@pytest.mark.parametrize("slow", range(4))
def test_calls_needed(slow: int) -> None:
    """The fewest calls among which so many slow ones pass."""
    needed = next(n for n in range(1, 1000) if p95_slow_allowed(n, LIMITS.confidence) >= slow)
    said(f"| {slow} | {needed} |")


def test_why_it_takes_59() -> None:
    """The chance of none being slow crosses one in twenty between 58 and 59."""
    for calls in (58, 59):
        said(f"{100 * binomial_cdf(0, calls, 0.05):.1f} %")
    assert binomial_cdf(0, 59, 0.05) <= 0.05 < binomial_cdf(0, 58, 0.05)


def test_the_suites_size() -> None:
    """One trial of its tasks, and the rank of their P95."""
    tasks = len(load_suite(DEFAULT_SUITE).tasks)
    said(f"The suite has {tasks} tasks")
    said(f"Of {tasks} calls it is the {math.ceil(0.95 * tasks)}th fastest")
    fast = [100.0] * tasks
    assert judge_latency(fast, fast, LIMITS).state is Verdict.PASS
    one_slow = [*fast[1:], 9999.0]
    judged = judge_latency(one_slow, one_slow, LIMITS)
    assert judged.state is Verdict.INCONCLUSIVE
    said(f"With one slow call of {tasks}")
    said(f"{judged.needed} more calls are needed")
    assert judged.needed is not None
    assert judged.needed <= tasks  # so that --trials 2 gives them


@pytest.mark.parametrize("row", ROWS)
def test_parity_rows(row: tuple[int, int, int, int, str, str, str]) -> None:
    """Ratio, bound and verdict of each row of the table."""
    judged = judge_parity(parity(*row[:4]), LIMITS)
    assert judged.value is not None
    assert judged.bound is not None
    assert (f"{judged.value:.1f}", f"{judged.bound:.1f}", judged.state.value) == row[4:]


def test_parity_in_words() -> None:
    """There are rows of each verdict, and what would decide two of them."""
    assert {row[6] for row in ROWS} == {"pass", "fail", "inconclusive"}
    few = judge_parity(parity(9, 0, 1, 0), LIMITS)
    said(f"{few.bound:.1f} %, so the gate answers `{few.state}`")
    said(f"about {few.needed} more tasks at the same rates")
    near = judge_parity(parity(47, 3, 6, 12), LIMITS)
    assert near.needed is not None
    said(f"About {near.needed} more tasks ({68 + near.needed} in all)")


@pytest.mark.parametrize("ratio", [0.85, 0.95, 1.0])
def test_how_often_parity_clears(ratio: float) -> None:
    """The small table of exact rates."""
    rate = promotion_rate(68, cells(0.9, 0.5, ratio=ratio))
    said(f"| {100 * ratio:g} % of the cloud | {100 * rate:.1f} |")


def test_ten_tasks_promote_hardly_anything() -> None:
    """Not even an arm that equals the other."""
    assert promotion_rate(10, cells(0.9, 0.5, ratio=1.0)) < 0.04
    said("With 10 tasks even an equal model clears in fewer than 4 of 100")


def test_compliance() -> None:
    """One bad reply fails; so many good ones prove so much, rounded down."""
    one_bad = judge_compliance([True] * 67 + [False], LIMITS)
    assert one_bad.state is Verdict.FAIL
    said(f"{one_bad.value:.1f} %, and fails")
    for replies, words in ((68, "{:g} %"), (299, "{:g} %")):
        proven = math.floor(1000 * proven_rate(replies, LIMITS.confidence)) / 10
        said(words.format(proven))
        assert f"{proven:g} %" in judge_compliance([True] * replies, LIMITS).note
