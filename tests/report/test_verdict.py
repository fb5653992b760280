"""Verdicts of whole reports, where the formulas say, and nowhere else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from core.harness.gate.criteria import Verdict
from core.harness.report.storage import rederive, summaries
from core.patchloop.trial import FailureKind, Trial
from tests.support.report.synthetic import (
    LIMITS,
    arm,
    attempt,
    candidates,
    made,
    planted,
    run_settings,
    trial,
)

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("tasks", "slow", "verdict"),
    [
        (70, 0, PASS),
        (69, 0, INCONCLUSIVE),
        (71, 1, PASS),
        (70, 1, INCONCLUSIVE),
        (59, 3, FAIL),
    ],
)
def test_latency_decides_where_the_formula_says(tasks: int, slow: int, verdict: Verdict) -> None:
    """At 95 %: 70 calls without a slow one, whatever comes after; P95 itself over 2 s fails."""
    limits = replace(LIMITS, success_parity_percent=0)
    report = made(planted(tasks, slow=slow), thresholds=limits, latency_calls=())
    latency = rederive(report).criteria[0]
    assert latency.state is verdict
    assert report.gate["verdict"] == rederive(report).verdict == verdict


@pytest.mark.parametrize(
    ("lost", "cloud_lost", "verdict"),
    [(0, 0, PASS), (4, 0, PASS), (6, 0, INCONCLUSIVE), (10, 0, FAIL), (0, 33, INCONCLUSIVE)],
)
def test_parity_decides_where_the_formula_says(
    lost: int, cloud_lost: int, verdict: Verdict
) -> None:
    """Of 64 tasks: the ratio's lower bound clears 85 %, or the ratio itself misses it."""
    assert rederive(made(planted(64, lost=lost, cloud_lost=cloud_lost))).verdict is verdict


def test_a_reply_that_misses_the_schema_fails_the_gate() -> None:
    """One of sixty-four, at a threshold of 100 %."""
    trials = planted()
    trials[0] = replace(trials[0], attempts=(attempt(failure=FailureKind.FORMAT), attempt()))
    assert rederive(made(trials)).misses == ("json_compliance",)


def test_other_thresholds_and_another_deadline_may_be_given() -> None:
    """The check judges old trials by today's configuration."""
    report = made()
    strict = replace(LIMITS, p95_latency_ms=50)
    assert rederive(report).verdict is PASS
    assert rederive(report, thresholds=strict).misses == ("p95_latency",)
    assert rederive(report, timeout_ms=110).misses == ("success_parity",)


def test_the_first_arm_is_the_one_on_trial() -> None:
    """Also when it is another local server, or the cloud twice; a lone arm has nobody to beat."""

    def pair(*names: str) -> tuple[str, str]:
        return made([], arms={name: arm(name) for name in names}).pair

    assert pair("reflex", "cloud") == ("reflex", "cloud")
    assert pair("vllm", "cloud") == ("vllm", "cloud")
    assert pair("cloud", "cloud-b") == ("cloud", "cloud-b")
    assert pair("reflex") == ("reflex", "cloud")
    assert rederive(made([trial("a", "reflex")], arms={"reflex": arm("reflex")})).verdict is (
        INCONCLUSIVE
    )


def test_the_clouds_replies_have_their_own_deadline_in_an_a_a_run() -> None:
    """Its four seconds would all be too late for the reflex arm's."""
    cloud = [replace(one, arm="cloud-b") for one in planted() if one.arm == "cloud"]
    own = [one for one in planted() if one.arm == "cloud"]
    arms = {name: arm(name) for name in ("cloud", "cloud-b")}
    report = made([*own, *cloud], arms=arms, stamps=["aa"])
    assert rederive(report).criteria[1].value == 100
    assert summaries(report)["cloud"].solved == 64


def test_a_summary_says_what_an_arm_did() -> None:
    """Solved, at once, by level; a call without reply counts as ∞ and prices make a cost."""
    trials = planted(4, lost=1)
    lost = attempt(math.inf, FailureKind.TIMEOUT)
    trials[2] = replace(trials[2], attempts=(lost, attempt(200.0, fences_stripped=1)))
    reflex, cloud = summaries(made(trials)).values()
    assert (reflex.solved, reflex.solved_first, reflex.trials) == (3, 2, 4)
    assert reflex.solved_percent == 75
    levels = {level: (one.solved, one.trials) for level, one in reflex.by_level.items()}
    assert levels == {1: (1, 2), 2: (1, 1), 3: (1, 1)}
    assert (reflex.by_level[2].tokens, reflex.by_level[2].took_ms) == (62, math.inf)
    assert (reflex.by_level[3].tokens, reflex.by_level[3].took_ms) == (31, 102)
    assert reflex.by_rung == {}
    assert reflex.failures == {FailureKind.TEST: 2, FailureKind.TIMEOUT: 1}
    assert (reflex.calls, reflex.replies, reflex.fences_stripped) == (6, 5, 1)
    assert (reflex.total_p50_ms, reflex.total_p95_ms) == (102, math.inf)
    assert reflex.as_json()["total_p95_ms"] is None
    assert reflex.tokens_per_s == pytest.approx(30 / (0.75 * 0.102), rel=0.05)
    assert reflex.cost_usd is None
    assert cloud.cost_usd == pytest.approx((3200 * 0.25 + 124 * 2) / 1e6)
    assert (cloud.lint_percent, cloud.lines_changed) == (100, 2)


def test_a_summary_says_what_was_solved_in_which_format() -> None:
    """By the format of the reply that solved it; a trial counts once for each it was asked in."""

    def asked(*names: str, solved: bool = True, task: str = "a") -> Trial:
        failed = [attempt(failure=FailureKind.TEST, edit_format=name) for name in names]
        last = [replace(failed.pop(), failure=None)] if solved else []
        return Trial(task, "reflex", 0, (*failed, *last), solved=solved)

    trials = [
        asked("function", "function", "search_replace"),
        asked("function", solved=False, task="b"),
        asked("code", "code", task="c"),
        asked("", task="d"),  # of an older report
        asked("<b>", "of another version", task="e"),
    ]
    (reflex,) = summaries(made(trials, arms={"reflex": arm("reflex")})).values()
    assert reflex.by_format == {
        "code": (1, 1),
        "function": (0, 2),
        "search_replace": (1, 1),
        "other": (1, 1),
    }
    assert reflex.as_json()["by_format"]["function"] == [0, 2]


def test_an_arm_that_never_ran_has_no_figures() -> None:
    """None rather than a zero that looks measured."""
    summary = summaries(made([trial("a", "reflex")]))["cloud"]
    assert summary.solved_percent is summary.total_p50_ms is summary.prompt_tokens is None
    assert summary.gain is None


def test_a_late_reply_of_the_arm_on_trial_solves_nothing_anywhere() -> None:
    """Neither in the gate nor in the figures, whatever the trial says of itself."""
    report = made([Trial("a", "reflex", 0, (attempt(1600),), solved=True), trial("a", "cloud")])
    assert summaries(report)["reflex"].solved == 0
    assert rederive(report).criteria[1].value == 0


def test_what_several_replies_bought_is_measured_at_the_first_attempt() -> None:
    """The first reply alone against any of them; one cut off is unknown, one late is lost."""
    rows = [
        candidates((True, 100), (False, None)),
        candidates((False, 300), (True, 200)),
        candidates((False, None), (True, 150)),
        candidates((False, 100), (False, 120)),
        candidates((True, 9000), (False, 120)),
    ]
    trials = [
        Trial(f"t{n}", "reflex", 0, (attempt(200, candidates=row),), solved=n < 3)
        for n, row in enumerate(rows)
    ]
    gain = summaries(made(trials, settings=run_settings(candidates=2)))["reflex"].gain
    assert gain is not None
    assert (gain.attempts, gain.candidates) == (5, 2)
    assert (gain.first_solved, gain.first_unknown, gain.any_solved) == (1, 1, 3)
    assert (gain.tokens_first, gain.tokens_all) == (155, 310)
    assert (gain.first_p50_ms, gain.winner_p50_ms) == (100, 150)


def test_compliance_is_called_by_what_replies_are() -> None:
    """It is the JSON schema's unless replies are Markdown blocks."""
    for edit_format, called in (("fence", "reply compliance"), ("code", "JSON compliance")):
        report = made(planted(4))
        report = report.model_copy(
            update={"settings": report.settings.model_copy(update={"edit_format": edit_format})}
        )
        assert rederive(report).criteria[2].title == called
        assert {one.compliance_title for one in summaries(report).values()} == {called}
