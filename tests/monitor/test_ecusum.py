"""The e-CUSUM: rarely wrong about a model that keeps its promise, soon right about another."""

from __future__ import annotations

import random
import statistics
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest

from core.monitor.drift import (
    _BLOCKS,
    COMPLIANCE,
    LATENCY,
    LEAST_INVALID,
    OUTCOMES,
    SLOW_SHARE,
    Drift,
    Promise,
)
from core.monitor.ecusum import LIMIT, ECusum

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 3000
PROMISE = Promise(1, "", "e", "m", 2000.0, 0.01, 0.85, 0.9)
WRONG = 1 - 0.85 * 0.9  # of a cloud that solves 90 %
ALLOWED = {LATENCY: SLOW_SHARE, COMPLIANCE: LEAST_INVALID, OUTCOMES: WRONG}


def bad_calls(share: float, alike: float, rng: random.Random) -> Iterator[bool]:
    """Calls of which ``share`` are bad, each as like the one before as ``alike`` says (AR(1))."""
    limit = NormalDist().inv_cdf(1 - min(share, 0.9999))
    level, fresh = rng.gauss(0, 1), (1 - alike * alike) ** 0.5
    while True:
        level = alike * level + fresh * rng.gauss(0, 1)
        yield level > limit


def calls_until_broken(
    cause: str, bad: Iterator[bool], most: int = CALLS, block: int | None = None
) -> int | None:
    """After how many calls the promise is found broken; None: not within ``most``."""
    chart = ECusum(block or _BLOCKS[cause])
    for number in range(1, most + 1):
        chart.take(number, bad=next(bad), allowed=ALLOWED[cause])
        if chart.broken:
            return number
    return None


@pytest.mark.parametrize(
    ("cause", "share", "alike", "most"),
    [
        (LATENCY, SLOW_SHARE, 0.0, 0.1),
        (LATENCY, SLOW_SHARE, 0.5, 0.1),
        (LATENCY, SLOW_SHARE, 0.8, 0.2),
        (LATENCY, SLOW_SHARE, 0.9, 0.35),
        (LATENCY, 0.02, 0.9, 0.15),
        (LATENCY, 0.02, 0.95, 0.2),
        (COMPLIANCE, LEAST_INVALID, 0.0, 0.3),
        (OUTCOMES, WRONG, 0.0, 0.3),
        (OUTCOMES, 1 - 0.95 * 0.9, 0.0, 0.05),
    ],
)
def test_false_demotions_are_rare(
    cause: str, share: float, alike: float, most: float, *, torture: bool
) -> None:
    """Of stretches of 3,000 calls within the promise few end in a demotion."""
    rng, runs = random.Random(7), 1000 if torture else 12
    found = sum(
        calls_until_broken(cause, bad_calls(share, alike, rng)) is not None for _ in range(runs)
    )
    print(  # noqa: T201
        f"{cause}: {share:.3f} bad, alike {alike}: demoted in {found} of {runs} × {CALLS} calls"
    )
    # In the short form a single one may be chance.
    assert found / runs <= most + (0 if torture else 1 / runs)


def test_longer_blocks_have_their_price(*, torture: bool) -> None:
    """Why ten calls are one step: more of them err less where slow calls come in long groups.

    They find a server that became slow as much later.
    """
    runs = 400 if torture else 10
    found = {}
    for block in (10, 20, 40):
        rng = random.Random(13)
        alike = [
            calls_until_broken(LATENCY, bad_calls(SLOW_SHARE, 0.9, rng), block=block)
            for _ in range(runs)
        ]
        slow = [
            calls_until_broken(LATENCY, bad_calls(0.5, 0.0, rng), block=block) or CALLS
            for _ in range(runs)
        ]
        wrong = sum(each is not None for each in alike)
        found[block] = wrong, statistics.median(slow)
        print(  # noqa: T201
            f"blocks of {block}: alike 0.9 demoted in {wrong} of {runs}; "
            f"half slow found after {found[block][1]:.0f} calls"
        )
    assert found[10][0] >= found[20][0] >= found[40][0]
    assert found[10][1] < found[20][1] < found[40][1]


def pairs_until_broken(solves: float, seed: int, most: int = CALLS) -> int | None:
    """The same for tasks of which the cloud solves 90 %, and reflex ``solves`` as many."""
    rng, drift = random.Random(seed), Drift(PROMISE)
    for number in range(1, most + 1):
        ours, theirs = rng.random() < 0.9 * solves, rng.random() < 0.9
        drift.take_pair(number, pair(number, solved=ours, cloud_solved=theirs))
        if drift.charts[OUTCOMES].broken:
            return number
    return None


def pair(number: int, **changed: object) -> dict[str, object]:
    """A ShadowChecked of its own task, which only the cloud solved."""
    told = {"original_call_id": str(number), "answered_seq": 2, "endpoint": "e", "model": "m"}
    return {**told, "in_time": True, "solved": False, "cloud_solved": True, **changed}


@pytest.mark.parametrize(
    ("solves", "most_wrong", "most"),
    [(0.85, 0.15, None), (0.95, 0.05, None), (0.6, None, 180), (0.3, None, 60)],
)
def test_pairs_of_outcomes_find_a_model_that_no_longer_solves_its_tasks(
    solves: float, most_wrong: float | None, most: int | None, *, torture: bool
) -> None:
    """Rarely the one that keeps its promise, if only just."""
    runs = 1000 if torture else 12
    found = [pairs_until_broken(solves, seed) for seed in range(runs)]
    wrong = sum(one is not None for one in found)
    usual = statistics.median(one or CALLS for one in found)
    print(f"solves {solves:.0%} of the cloud's: {wrong} of {runs}, median {usual}")  # noqa: T201
    if most_wrong is not None:
        assert wrong / runs <= most_wrong + (0 if torture else 1 / runs)
    if most is not None:
        assert usual <= most


def test_a_pair_counts_once_and_only_where_it_says_something_of_this_pass() -> None:
    """A task that only the cloud solved speaks against reflex, any other solved one for it."""
    drift = Drift(PROMISE)
    chart = drift.charts[OUTCOMES]
    oddities: tuple[dict[str, object], ...] = (
        {"model": "another"},
        {"endpoint": "another"},
        {"in_time": False},
        {"answered_seq": 1},
        {"answered_seq": None},
        {"cloud_solved": False},
    )
    for number, odd in enumerate(oddities):
        drift.take_pair(number, pair(number, **odd))
    assert (chart.calls, chart.evidence) == (0, 1.0)
    drift.take_pair(10, pair(10))
    once = chart.evidence
    drift.take_pair(11, pair(10))
    assert (chart.calls, chart.bad, once > 1, chart.evidence) == (1, 1, True, once)
    drift.take_pair(12, pair(12, solved=True))
    assert (chart.calls, chart.bad, chart.evidence < once) == (2, 1, True)
    drift.take_pair(13, pair(13, solved=True, cloud_solved=False))
    assert (chart.calls, chart.bad, 0 < chart.evidence < 1) == (3, 1, True)


@pytest.mark.parametrize(
    ("cause", "share", "most"),
    [
        (LATENCY, 0.2, 180),
        (LATENCY, 0.5, 80),
        (LATENCY, 1.0, 50),
        (COMPLIANCE, 0.1, 90),
        (COMPLIANCE, 0.5, 25),
        (OUTCOMES, 1 - 0.6 * 0.9, 120),
        (OUTCOMES, 1 - 0.3 * 0.9, 45),
    ],
)
def test_a_broken_promise_is_found_soon(
    cause: str, share: float, most: int, *, torture: bool
) -> None:
    """The median delay that the documentation states."""
    rng, runs = random.Random(11), 1000 if torture else 41
    delays = [calls_until_broken(cause, bad_calls(share, 0.0, rng), 20_000) for _ in range(runs)]
    found = sorted(delay or 20_000 for delay in delays)
    middle = statistics.median(found)
    late = found[int(0.9 * runs)]
    print(f"{cause}: {share:.2f} bad: median {middle:.0f} calls, P90 {late}")  # noqa: T201
    assert middle <= most


def test_evidence_against_nothing_begins_again_at_one() -> None:
    """Long good stretches save nothing up for a later bad one."""
    chart = ECusum()
    for number in range(1, 1000):
        chart.take(number, bad=False, allowed=0.05)
    assert chart.evidence < 1
    for number in range(1000, 1000 + 20):
        chart.take(number, bad=True, allowed=0.05)
    assert chart.evidence > LIMIT
    assert chart.since == 1000


def test_its_state_survives_json() -> None:
    """To the last bit, in the middle of a block."""
    rng = random.Random(3)
    chart = ECusum(10)
    for number in range(1, 38):
        chart.take(number, bad=rng.random() < 0.3, allowed=0.05)
    again = ECusum.restored(10, chart.as_state())
    for each in (chart, again):
        each.take(38, bad=True, allowed=0.05)
    assert again.as_state() == chart.as_state()


def test_what_could_break_a_promise_is_known_before() -> None:
    """Calls need not be looked at at once while that is impossible, however bad they are."""
    rng = random.Random(9)
    for _ in range(40):
        drift = Drift(Promise(1, "", "e", "m", 2000.0, LEAST_INVALID, 0.85, 0.9))
        charts = drift.charts
        for number in range(1, 120):
            calls, outcomes = rng.randrange(1, 16), rng.randrange(3)
            safe = not drift.could_break(calls, outcomes)
            for cause, chart in charts.items():
                for _ in range(outcomes if cause == OUTCOMES else calls):
                    chart.take(number, bad=rng.random() < 0.4, allowed=ALLOWED[cause])
            assert not (safe and drift.broken)
            if drift.broken:
                break
    assert not Drift(drift.promise).could_break(10, 2)
    assert Drift(drift.promise).could_break(15, 0)
    assert Drift(drift.promise).could_break(0, 3)
