"""A run against its baseline: a significant regression, or none."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given

from core.errors import ReportError
from core.harness.report.compare import compare
from core.patchloop.trial import FailureKind, Trial
from tests.support.report.strategies import trials
from tests.support.report.synthetic import (
    attempt,
    environment,
    made,
    planted,
    run_settings,
    suite,
    task_ids,
    trial,
)


def _reflex(count: int, ms: float, *, solved: int | None = None) -> list[Trial]:
    return [
        trial(task, "reflex", ms=ms, solved=solved is None or index < solved)
        for index, task in enumerate(task_ids(count))
    ]


def test_the_same_run_is_no_regression() -> None:
    """Nor is a better one."""
    report = made()
    assert not compare(report, report).regressed
    assert not compare(report, made(planted(lost=20))).regressed


@pytest.mark.parametrize(("lost", "worse"), [(4, False), (5, True)])
def test_lost_successes_count_beyond_noise(lost: int, worse: bool) -> None:  # noqa: FBT001
    """McNemar's exact test, one-sided at 95 %: four losses may be chance, five are not."""
    found = compare(made(planted(lost=lost)), made())
    assert found.regressed is worse
    if worse:
        assert found.reasons[0].startswith("success fell from 100 % to 92.2 % of 64 tasks")
        assert "task-000" in found.reasons[0]


def test_gains_make_up_for_losses() -> None:
    """Six lost and five won is noise, however many tasks changed."""
    before = [one for one in planted(lost=5) if one.arm == "reflex"]
    now = [replace(one) for one in planted(slow=6) if one.arm == "reflex"]
    now = [replace(one, attempts=(attempt(100),) * len(one.attempts)) for one in now]
    assert not compare(made(now), made(before)).regressed


@pytest.mark.parametrize(
    ("now_ms", "worse"), [(100.0, False), (109.0, False), (112.0, True), (math.inf, True)]
)
def test_latency_counts_when_most_tasks_take_over_a_tenth_longer(
    now_ms: float,
    worse: bool,  # noqa: FBT001
) -> None:
    """A sign test against 1.1 times the former; a call without reply is the slowest of all."""
    found = compare(made(_reflex(20, now_ms)), made(_reflex(20, 100.0)))
    assert any("latency rose" in one for one in found.reasons) is worse
    json.dumps(found.as_json(), allow_nan=False)


def test_a_few_slow_tasks_are_noise() -> None:
    """Fourteen of twenty might be chance, fifteen not; none at all proves nothing."""

    def slower(count: int) -> bool:
        now = _reflex(20, 100.0)
        now[:count] = [replace(one, attempts=(attempt(900.0),)) for one in now[:count]]
        found = compare(made(now), made(_reflex(20, 100.0)))
        assert found.latency is not None
        assert found.latency.slower == count
        return found.latency.worse

    assert (slower(0), slower(14), slower(15)) == (False, False, True)


def test_calls_lost_in_both_runs_say_nothing_of_latency() -> None:
    """Neither is slower than the other."""
    lost = [
        Trial(task, "reflex", 0, (attempt(math.inf, FailureKind.TIMEOUT),), solved=False)
        for task in task_ids(20)
    ]
    found = compare(made(lost), made(lost))
    assert found.latency is not None
    assert found.latency.tasks == 0
    assert not found.regressed


def test_latency_is_not_compared_across_hardware() -> None:
    """And the reader is told so; success still is."""
    slow = made(_reflex(20, 900.0), environment=environment(cpu="Another CPU"))
    found = compare(slow, made(_reflex(20, 100.0)))
    assert found.latency is None
    assert not found.regressed
    assert "different hardware" in found.notes[0]
    assert found.as_json()["latency"] is None


def test_compliance_counts_by_task() -> None:
    """A trial complies when all of its replies do."""
    bad = attempt(100, FailureKind.FORMAT)
    now = [replace(one, attempts=(bad, attempt(100))) for one in _reflex(20, 100.0)]
    found = compare(made(now), made(_reflex(20, 100.0)))
    named = ", ".join(task_ids(8))
    fell = "JSON compliance fell from 100 % to 0 % of 20 tasks (p = 9.5e-07)"
    assert found.reasons == (f"{fell}; worse at {named} and 12 more",)


def test_other_suites_and_other_tasks_are_refused() -> None:
    """There is nothing to pair."""
    other = made(suite=suite(task_ids(64), hash="sha256:another"))
    with pytest.raises(ReportError, match="another suite"):
        compare(made(), other)
    with pytest.raises(ReportError, match="no task in common"):
        compare(made([trial("a", "reflex")]), made([trial("b", "reflex")]))


def test_other_settings_are_named() -> None:
    """They may explain a change, so a reader is told."""
    found = compare(made(planted(), settings=run_settings(attempts=1)), made(planted(60)))
    assert "attempts was 3 and is 1" in found.notes
    assert "4 tasks were run only once and are left out" in found.notes


def test_rates_count_where_there_are_several_trials() -> None:
    """From three of four solved to one of four is a fall, though no task went from all to none."""

    def solving(share: int) -> list[Trial]:
        return [
            trial(task, "reflex", n, solved=n < share) for task in task_ids(10) for n in range(4)
        ]

    found = compare(made(solving(1)), made(solving(3)))
    assert (found.success.before, found.success.now, found.success.worse) == (0.75, 0.25, True)


def test_odd_numbers_of_trials_do_not_take_for_ever() -> None:
    """Rates over a common denominator of millions are compared as all or nothing."""
    before = [trial(task, "reflex", n) for task in task_ids(30) for n in range(97)]
    now = [
        trial(task, "reflex", n, solved=n % 7 != place % 7)
        for place, task in enumerate(task_ids(30))
        for n in range(89 + place % 5)
    ]
    assert compare(made(now), made(before)).success.worse


@pytest.mark.slow
@given(trials(), trials())
def test_any_two_runs_compare_or_say_why_not(first: list[Trial], second: list[Trial]) -> None:
    """Reports may be a stranger's."""
    ids = ["a", "b b", "c|`", "<d>"]
    report, baseline = (made(one, suite=suite(ids)) for one in (first, second))
    try:
        json.dumps(compare(report, baseline).as_json(), allow_nan=False)
    except ReportError as error:
        assert "no task in common" in error.message  # noqa: PT017  either outcome is right
