"""The numbers of ``docs/gate.md`` are what the gate computes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from core.harness import load_suite
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.harness.gate.criteria import (
    Criterion,
    GateThresholds,
    Verdict,
    judge_compliance,
    judge_latency,
)
from core.harness.gate.looks import GatePlan, judge_parity, looks_of
from core.harness.gate.statistics import proven_rate
from core.harness.gate.statistics.repeated import calls_for_power, latency_evidence
from core.settings import Thresholds as Configured
from tests.support.gate.campaigns import World, planned_run

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


def parity(both: int, reflex: int, cloud: int, neither: int) -> Criterion:
    """Judged at the last look, one trial a task."""
    outcomes = ((True, True), (True, False), (False, True), (False, False))
    numbers = (both, reflex, cloud, neither)
    ended = [pair for pair, n in zip(outcomes, numbers, strict=True) for _ in range(n)]
    pairs = {f"t{number:03}": [pair] for number, pair in enumerate(ended)}
    plan = replace(GatePlan.single(sorted(pairs), 1), looks=looks_of(0.95, len(pairs))[-1:] * 4)
    return judge_parity(pairs, LIMITS, plan).criterion


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
    needed = next(n for n in range(1, 1000) if latency_evidence(slow, n) >= 20)
    said(f"| {slow} | {needed} |")


def test_how_many_calls_there_may_be() -> None:
    """As many as prove a good server in 95 of 100 runs."""
    said(f"{calls_for_power(20)} first calls at most")


def test_the_suites_size() -> None:
    """One trial of its tasks, and the rank of their P95."""
    tasks = len(load_suite(DEFAULT_SUITE).tasks)
    said(f"The suite has {tasks} tasks")
    said(f"Of {tasks} calls it is the {math.ceil(0.95 * tasks)}th fastest")
    fast = [100.0] * 70
    assert judge_latency(fast, fast, LIMITS).state is Verdict.PASS
    assert judge_latency(fast[1:], fast[1:], LIMITS).state is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("row", ROWS)
def test_parity_rows(row: tuple[int, int, int, int, str, str, str]) -> None:
    """Ratio, bound and verdict of each row of the table."""
    judged = parity(*row[:4])
    assert judged.value is not None
    assert judged.bound is not None
    assert (f"{judged.value:.1f}", f"{judged.bound:.1f}", judged.state.value) == row[4:]


def test_parity_in_words() -> None:
    """There are rows of each verdict, and what would decide two of them."""
    assert {row[6] for row in ROWS} == {"pass", "fail", "inconclusive"}
    few = parity(9, 0, 1, 0)
    said(f"{few.bound:.1f} %, so the gate answers `{few.state}`")
    said(f"about {few.needed} more tasks would decide at these rates.")
    near = parity(53, 2, 5, 8)
    said(f"about {near.needed} more tasks would decide at these rates, more than the suite has")


@pytest.mark.parametrize(
    "row", re.findall(r"\| (\d+) % of the cloud \| ([\d.]+) \| (\d+) \|", PAGE)
)
def test_how_often_parity_clears(row: tuple[str, str, str]) -> None:
    """The small table, within three standard errors of a short simulation."""
    world, random, rounds = World(0.9, 0.5, ratio=int(row[0]) / 100), Random(3), 200
    runs = [planned_run(world.run(world.suite(random), random)) for _ in range(rounds)]
    share = float(row[1]) / 100
    error = math.sqrt(share * (1 - share) / rounds)
    assert sum(one.passed for one in runs) / rounds == pytest.approx(share, abs=3 * error)
    assert sum(one.tasks for one in runs) / rounds == pytest.approx(int(row[2]), abs=5)


def test_compliance() -> None:
    """One bad reply fails; so many good ones prove so much, rounded down."""
    one_bad = judge_compliance([True] * 67 + [False], LIMITS)
    assert one_bad.state is Verdict.FAIL
    said(f"{one_bad.value:.1f} %, and fails")
    for replies, words in ((68, "{:g} %"), (299, "{:g} %")):
        proven = math.floor(1000 * proven_rate(replies, LIMITS.confidence)) / 10
        said(words.format(proven))
        assert f"{proven:g} %" in judge_compliance([True] * replies, LIMITS).note
