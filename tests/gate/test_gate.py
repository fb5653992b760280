"""The verdict from planted results: what passes, what fails, and what is left open."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ReportError
from core.harness.gate.criteria import judge_latency
from core.harness.gate.judge import (
    Criterion,
    GateResult,
    GateThresholds,
    Verdict,
    false_alarm_rate,
    judge,
)
from core.harness.gate.looks import GatePlan
from core.harness.gate.statistics import student_quantile
from core.patchloop.trial import Attempt, Candidate, FailureKind, Trial

THRESHOLDS = GateThresholds(
    p95_latency_ms=2000,
    success_parity_percent=85,
    json_schema_compliance_percent=100,
    confidence=0.95,
)
Planted = Callable[[int, int], bool]
Paced = Callable[[int, int], float]


def always(_task: int, _trial: int) -> bool:
    """Solved every time."""
    return True


def quick(_task: int, _trial: int) -> float:
    """Half a second every time."""
    return 500.0


def bakeoff(
    tasks: int,
    trials: int = 1,
    *,
    reflex: Planted = always,
    cloud: Planted = always,
    pace: Paced = quick,
) -> list[Trial]:
    """Both arms' trials, one attempt each, with planted successes and latencies."""
    made = []
    for task in range(tasks):
        for trial in range(trials):
            for arm, solves in (("reflex", reflex), ("cloud", cloud)):
                solved = solves(task, trial)
                attempt = Attempt(
                    ttft_ms=50.0,
                    latency_ms=pace(task, trial) if arm == "reflex" else 900.0,
                    compliant=True,
                    failure=None if solved else FailureKind.TEST,
                )
                made.append(Trial(f"t{task:03}", arm, trial, (attempt,), solved))
    return made


def judged(
    trials: list[Trial], thresholds: GateThresholds = THRESHOLDS, timeout_ms: float = 1500
) -> GateResult:
    """The verdict at the usual names."""
    return judge(
        trials, reflex="reflex", cloud="cloud", thresholds=thresholds, timeout_ms=timeout_ms
    )


def criterion(result: GateResult, name: str) -> Criterion:
    """One criterion by its name."""
    return next(one for one in result.criteria if one.name == name)


def test_70_tasks_all_solved_and_quick_pass() -> None:
    """Everything clears: 70 calls bound P95, and 70 of 70 bound parity at 95.3 %."""
    result = judged(bakeoff(70))
    assert result.verdict is Verdict.PASS
    assert (result.misses, result.decides) == ((), "")
    parity = criterion(result, "success_parity")
    assert parity.value == 100
    # With no discordant pair the bound is a / (a + t² n / (n - 1)). t, at 69 degrees, is for a
    # normal 1.04 × 1.7507: the 4 % of a planned look, with the factor that simulation asks for.
    critical = student_quantile(NormalDist().cdf(1.04 * 1.7507), 69)
    assert parity.bound == pytest.approx(100 * 70 / (70 + critical**2 * 70 / 69), abs=1e-3)
    assert criterion(result, "p95_latency").bound == 500
    assert "0 of 70 replies failed" in criterion(result, "json_compliance").note


def test_69_calls_are_one_too_few() -> None:
    """Without a slow call P95 is not yet bounded at 69, and is at 70; the words say which."""
    short = judged(bakeoff(69))
    assert short.verdict is Verdict.INCONCLUSIVE
    assert criterion(short, "p95_latency").bound is None
    assert criterion(short, "p95_latency").needed == 1
    assert "about 1 more first calls at this rate (70 in all)" in short.decides
    assert judged(bakeoff(70)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("carried", "state"),
    [
        ((0, 60), Verdict.PASS),
        ((0, 59), Verdict.INCONCLUSIVE),
        ((1, 117), Verdict.INCONCLUSIVE),
        ((1, 118), Verdict.PASS),
    ],
)
def test_calls_of_earlier_runs_count_too(carried: tuple[int, int], state: Verdict) -> None:
    """70 in all without a slow one, 128 with one, and the words say where they come from."""
    found = judge_latency([100.0] * 10, [100.0] * 10, THRESHOLDS, carried=carried)
    assert found.state is state
    assert f"{carried[0]} of {carried[1]} in earlier runs" in found.note


def test_trials_count_as_calls() -> None:
    """24 tasks three times are 72 calls."""
    assert criterion(judged(bakeoff(24, 3)), "p95_latency").state is Verdict.PASS


def test_retries_bound_nothing_but_count_for_the_point() -> None:
    """A second attempt is no independent call, yet its latency is one that was waited for."""
    trials = [
        replace(one, attempts=(*one.attempts, Attempt(9, 700, compliant=True)))
        for one in bakeoff(40)
    ]
    latency = criterion(judged(trials), "p95_latency")
    assert latency.state is Verdict.INCONCLUSIVE
    assert latency.value == 700
    assert "0 of 40 first calls" in latency.note


def test_the_bound_is_never_under_the_value() -> None:
    """Slow retries raise the value over the first calls' bound; the bound shown follows."""
    trials = [
        replace(one, attempts=(*one.attempts, Attempt(9, 700, compliant=True)))
        for one in bakeoff(70)
    ]
    latency = criterion(judged(trials), "p95_latency")
    assert latency.value == latency.bound == 700


def test_p95_at_the_threshold_fails() -> None:
    """Strictly below: exactly 2,000 ms misses."""
    result = judged(bakeoff(64, pace=lambda _t, _n: 2000.0), timeout_ms=5000)
    assert result.verdict is Verdict.FAIL
    assert result.misses == ("p95_latency",)
    assert judged(bakeoff(70, pace=lambda _t, _n: 1999.9), timeout_ms=5000).verdict is Verdict.PASS


def test_a_call_at_the_threshold_counts_as_slow() -> None:
    """In the bound and in the words about it, as in the point."""
    result = judged(bakeoff(64, pace=lambda t, _n: 2000.0 if t == 5 else 9.0), timeout_ms=5000)
    latency = criterion(result, "p95_latency")
    assert "1 of 64 first calls at or over 2.00 s" in latency.note
    assert (latency.state, latency.bound, latency.needed) == (Verdict.INCONCLUSIVE, None, 108)


def test_four_slow_calls_of_64_miss_and_two_leave_it_open() -> None:
    """Rank 61 of 64: with four slow it is slow; with two the point is good and the bound is not."""
    four = judged(bakeoff(64, pace=lambda task, _n: 9000.0 if task < 4 else 100.0))
    assert "p95_latency" in four.misses
    two = judged(bakeoff(64, pace=lambda task, _n: 9000.0 if task < 2 else 100.0), timeout_ms=9999)
    assert two.verdict is Verdict.INCONCLUSIVE
    assert two.misses == ()


def test_calls_that_never_answer_are_slow_ones() -> None:
    """A refused connection is no fast reply: four of 64 fail the gate, and the words say so."""
    refused = Attempt(None, 0.3, failure=FailureKind.TRANSPORT)
    trials = [
        replace(one, attempts=(refused,), solved=False)
        if one.arm == "reflex" and one.task < "t004"
        else one
        for one in bakeoff(64)
    ]
    result = judged(trials)
    assert criterion(result, "p95_latency").value == math.inf
    assert "over one call in twenty got no reply" in result.summary
    assert json.loads(json.dumps(result.as_json(), allow_nan=False))["criteria"][0]["value"] is None


def test_parity_is_of_cloud_not_of_all() -> None:
    """Reflex 45 of 64 against cloud 45 of 64 is 100 %, whoever solved what."""
    result = judged(bakeoff(64, reflex=lambda t, _n: t < 45, cloud=lambda t, _n: t >= 19))
    assert criterion(result, "success_parity").value == 100


def test_parity_exactly_at_the_threshold_does_not_miss() -> None:
    """34 of 40 is 85 %: enough for the point, not for the bound, and no number of tasks helps."""
    result = judged(bakeoff(40, reflex=lambda t, _n: t >= 6), replace(THRESHOLDS, confidence=0))
    assert result.verdict is Verdict.PASS
    result = judged(bakeoff(40, reflex=lambda t, _n: t >= 6))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no number of tasks up to 10,000 would give a verdict" in result.decides


def test_parity_below_the_threshold_fails() -> None:
    """53 of 64 is 82.8 %."""
    result = judged(bakeoff(64, reflex=lambda t, _n: t >= 11))
    assert (result.verdict, result.misses) == (Verdict.FAIL, ("success_parity",))
    assert "82.8 % is under 85 %" in result.summary


def test_a_headline_writes_figures_as_the_table_does_unless_that_hides_the_miss() -> None:
    """A duration in seconds; in full where the rounded ones are the same."""
    slow = judged(bakeoff(64, pace=lambda _t, _n: 27_160.1))
    assert "P95 latency 27.2 s is not below 2.00 s" in slow.summary
    close = judged(bakeoff(64, pace=lambda _t, _n: 2001.0))
    assert "P95 latency 2001 ms is not below 2000 ms" in close.summary


def test_a_promising_parity_says_how_many_tasks_would_decide() -> None:
    """58 of 64 is 90.6 % with a bound under 85: later runs could add the evidence that it says."""
    open_one = judged(bakeoff(64, reflex=lambda t, _n: t >= 6))
    needed = criterion(open_one, "success_parity").needed
    assert open_one.verdict is Verdict.INCONCLUSIVE
    assert needed is not None
    assert f"about {needed} more tasks would decide at these rates" in open_one.decides

    def evidence(tasks: int) -> float:
        """Of a rerun over so many tasks, at that rate as near as whole tasks can be."""
        plan = GatePlan(tuple(f"t{n:03}" for n in range(tasks)), (tasks,), run=2, rerun=1)
        again = bakeoff(tasks, reflex=lambda t, _n: t >= tasks * 6 // 64)
        judgement = judge(
            again,
            reflex="reflex",
            cloud="cloud",
            thresholds=THRESHOLDS,
            timeout_ms=1500,
            plan=replace(plan, fingerprint="sha256:f"),
        )
        assert judgement.standing
        return judgement.standing.evidence

    assert evidence(needed * 3 // 4) < 100 <= evidence(needed + 11)


def test_once_the_bets_against_it_have_won_no_further_run_is_advised() -> None:
    """A lucky run after weak ones stays undecided, but nobody is told to run it again."""

    def after(against: float, weak: int = 6) -> GateResult:
        """A third run, and what the first two had against reflex."""
        order = tuple(f"t{n:03}" for n in range(64))
        plan = GatePlan(order, (64,), run=3, rerun=2, against=against, fingerprint="sha256:f")
        return judge(
            bakeoff(64, reflex=lambda t, _n: t >= weak),
            reflex="reflex",
            cloud="cloud",
            thresholds=THRESHOLDS,
            timeout_ms=1500,
            plan=plan,
        )

    won, open_still = after(30.0), after(1.0)
    assert won.verdict is open_still.verdict is Verdict.INCONCLUSIVE
    assert criterion(won, "success_parity").needed is None
    assert "success parity: all runs together say that it is below the threshold" in won.decides
    assert won.standing
    assert won.standing.words.endswith("below the threshold: take a stronger model.")
    assert criterion(open_still, "success_parity").needed is not None
    assert open_still.standing
    assert "below the threshold" not in open_still.standing.words
    # What this run adds is weighed as its number says: a twelfth for the third.
    clear = after(0.0, weak=40).standing
    assert clear
    assert clear.against == pytest.approx(clear.own_against / 12)
    assert clear.against > clear.against_needed == pytest.approx(20)


def test_a_cloud_arm_that_solves_under_half_decides_nothing() -> None:
    """31 of 64 is no yardstick, however well reflex does; 32 of 64 is one."""
    weak = judged(bakeoff(64, cloud=lambda t, _n: t < 31))
    assert weak.verdict is Verdict.INCONCLUSIVE
    assert "solved only 31 of 64" in weak.decides
    fair = judged(bakeoff(64, cloud=lambda t, _n: t < 32))
    assert criterion(fair, "success_parity").state is Verdict.PASS
    points = replace(THRESHOLDS, confidence=0)
    assert judged(bakeoff(64, cloud=lambda t, _n: t < 31), points).verdict is Verdict.INCONCLUSIVE


def test_a_weak_cloud_arm_does_not_excuse_a_slow_one() -> None:
    """Latency misses by itself, so the gate fails rather than asks for more."""
    result = judged(bakeoff(64, cloud=lambda t, _n: t < 9, pace=lambda _t, _n: 9e3))
    assert (result.verdict, result.misses) == (Verdict.FAIL, ("p95_latency",))


def test_one_reply_that_is_not_the_json_fails_at_100_percent() -> None:
    """Compliance is the percentage itself; at a lower threshold the same replies do."""
    trials = bakeoff(72)
    trials[0] = replace(trials[0], attempts=(Attempt(9, 99, compliant=False), Attempt(9, 99)))
    assert judged(trials).misses == ("json_compliance",)
    lenient = replace(THRESHOLDS, json_schema_compliance_percent=98)
    assert judged(trials, lenient).verdict is Verdict.PASS


def test_candidates_replies_count_for_compliance() -> None:
    """A candidate that was not chosen has still to be JSON."""
    trials = bakeoff(64)
    losers = (
        Candidate(0, compliant=False, passed=False, latency_ms=3),
        Candidate(1, compliant=True, passed=True, latency_ms=4),
    )
    winner = replace(trials[0].attempts[0], candidates=losers)
    trials[0] = replace(trials[0], attempts=(winner,))
    result = judged(trials)
    assert result.misses == ("json_compliance",)
    assert "1 of 65 replies failed" in criterion(result, "json_compliance").note


def test_what_failure_free_replies_prove_is_said() -> None:
    """59 replies without a failure prove 95 % at 95 % confidence, rounded down."""
    note = criterion(judged(bakeoff(59)), "json_compliance").note
    assert note.endswith("which proves at least 95 % at 95 % confidence")


def test_a_late_solution_is_none() -> None:
    """A trial that calls itself solved by a reply after timeout_ms is not; cloud has its own."""
    trials = bakeoff(64, pace=lambda task, _n: 1501.0 if task < 11 else 100.0)
    result = judged(trials, timeout_ms=1500)
    assert criterion(result, "success_parity").value == pytest.approx(100 * 53 / 64)
    assert criterion(result, "p95_latency").misses is False
    assert criterion(judged(trials, timeout_ms=1501), "success_parity").state is Verdict.PASS
    flagged = [
        replace(one, attempts=(replace(one.attempts[0], late=True),)) if one.arm == "cloud" else one
        for one in bakeoff(64)
    ]
    assert "cloud 0 of 64" in criterion(judged(flagged), "success_parity").note


def test_without_confidence_points_decide() -> None:
    """One task each suffices at confidence 0, and no bound is shown."""
    result = judged(bakeoff(1), replace(THRESHOLDS, confidence=0))
    assert result.verdict is Verdict.PASS
    assert [one.bound for one in result.criteria] == [None, None, None]


@pytest.mark.parametrize("confidence", [0.0, 0.95])
@pytest.mark.parametrize("kept", [(), ("reflex",), ("cloud",)])
def test_a_missing_arm_never_passes(kept: tuple[str, ...], confidence: float) -> None:
    """Nothing at all, or one arm alone, is inconclusive and says what to run."""
    trials = [one for one in bakeoff(64) if one.arm in kept]
    result = judged(trials, replace(THRESHOLDS, confidence=confidence))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "run both arms on the same tasks" in result.decides


def test_trials_without_a_partner_are_left_out() -> None:
    """A run cut short compares what both arms have, and says what it dropped."""
    trials = [one for one in bakeoff(80) if one.arm == "reflex" or one.task < "t064"]
    parity = criterion(judged(trials), "success_parity")
    assert "of 64" in parity.note
    assert "16 trials without a partner left out" in parity.note


def test_repeated_trials_do_not_stand_for_tasks() -> None:
    """Ten tasks seven times are 70 pairs, but what they prove of parity is ten tasks' worth."""
    result = judged(bakeoff(10, 7))
    assert criterion(result, "p95_latency").state is Verdict.PASS
    parity = criterion(result, "success_parity")
    assert parity.state is Verdict.INCONCLUSIVE
    once = criterion(judged(bakeoff(10)), "success_parity")
    assert parity.bound == pytest.approx(once.bound)
    assert "design effect 7.00" in parity.note


def test_a_trial_that_occurs_twice_is_refused() -> None:
    """A merged report cannot count one trial as two."""
    trials = bakeoff(3)
    with pytest.raises(ReportError, match="occurs twice"):
        judged([*trials, trials[0]])


def test_an_arm_is_not_held_against_itself() -> None:
    """Parity of an arm with itself is always 100 %, and worth nothing."""
    with pytest.raises(ValueError, match="itself"):
        judge(bakeoff(64), reflex="cloud", cloud="cloud", thresholds=THRESHOLDS, timeout_ms=1)


results = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([100.0, 1600.0, 2500.0, math.inf])),
    min_size=1,
    max_size=130,
)


@given(results, st.sampled_from([0.0, 0.8, 0.95]))
def test_a_verdict_is_what_its_criteria_say(
    rows: list[tuple[bool, bool, float]], confidence: float
) -> None:
    """Pass: all clear. Fail: a point misses. Else inconclusive, and then it says what decides."""
    trials = bakeoff(
        len(rows),
        reflex=lambda t, _n: rows[t][0],
        cloud=lambda t, _n: rows[t][1],
        pace=lambda t, _n: rows[t][2],
    )
    result = judged(trials, replace(THRESHOLDS, confidence=confidence))
    states = {one.state for one in result.criteria}
    expected = Verdict.PASS
    if Verdict.FAIL in states:
        expected = Verdict.FAIL
    elif Verdict.INCONCLUSIVE in states:
        expected = Verdict.INCONCLUSIVE
    assert result.verdict is expected
    assert bool(result.decides) == (expected is Verdict.INCONCLUSIVE)
    assert bool(result.misses) == (expected is Verdict.FAIL)
    latency, parity, _compliance = result.criteria
    if result.verdict is Verdict.PASS:
        assert latency.value is not None
        assert latency.value < 2000
        assert parity.value is not None
        assert parity.value >= 85
        if confidence:
            assert latency.bound is not None
            assert latency.bound < 2000
            assert parity.bound is not None
            assert parity.bound >= 85 - 1e-9


def test_an_equal_arm_is_seldom_failed_and_the_rate_is_reproducible() -> None:
    """Two runs of one model that disagree on a few tasks: false alarms are counted, by seed."""
    trials = bakeoff(64, reflex=lambda t, _n: t % 16 != 0, cloud=lambda t, _n: t % 16 != 1)
    alarms = false_alarm_rate(
        trials, first="reflex", second="cloud", thresholds=THRESHOLDS, rounds=400
    )
    assert alarms.tasks == 64
    assert alarms.failed == 0
    assert 0 < alarms.inconclusive < 0.3
    assert alarms == false_alarm_rate(
        trials, first="reflex", second="cloud", thresholds=THRESHOLDS, rounds=400
    )


@pytest.mark.slow
def test_false_alarms_agree_with_the_binomial() -> None:
    """At confidence 0 an alarm needs 16 or more of 20 disagreements to fall on one side: exact."""
    trials = bakeoff(50, reflex=lambda t, _n: t >= 10, cloud=lambda t, _n: not 10 <= t < 20)
    points = replace(THRESHOLDS, confidence=0)
    alarms = false_alarm_rate(
        trials, first="reflex", second="cloud", thresholds=points, rounds=4000
    )
    # 30 solved by both; reflex wins k of 20: (30 + k) / (50 - k) < 0.85 for k <= 6.
    exact = sum(math.comb(20, k) for k in range(7)) / 2**20
    assert alarms.failed == pytest.approx(exact, abs=0.012)
    assert alarms.inconclusive == 0


def test_an_aa_run_without_pairs_alarms_always() -> None:
    """With nothing to compare no round passes."""
    alarms = false_alarm_rate([], first="a", second="b", thresholds=THRESHOLDS, rounds=10)
    assert (alarms.tasks, alarms.failed, alarms.inconclusive) == (0, 0, 1)
