"""Trials as a report stores them: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ReportError
from core.patchloop.trial import Attempt, Candidate, FailureKind, Trial

milliseconds = st.floats(min_value=0, max_value=1e7)
latencies = st.one_of(milliseconds, st.just(math.inf))
flags = st.none() | st.booleans()
tokens = st.none() | st.integers(0, 10**9)
text = st.text(st.characters(codec="utf-8"), max_size=20)
candidates = st.builds(Candidate, st.integers(0, 8), flags, st.booleans(), latencies, tokens)
attempts = st.builds(
    Attempt,
    ttft_ms=st.none() | milliseconds,
    latency_ms=latencies,
    late=st.booleans(),
    compliant=flags,
    failure=st.none() | st.sampled_from(FailureKind),
    detail=text,
    prompt_tokens=tokens,
    completion_tokens=tokens,
    cached_tokens=tokens,
    fences_stripped=st.integers(0, 9),
    lines_changed=tokens,
    lint_passed=flags,
    candidates=st.lists(candidates, max_size=4).map(tuple),
)
trials = st.builds(
    Trial,
    task=text,
    arm=text,
    trial=st.integers(0, 99),
    attempts=st.lists(attempts, min_size=1, max_size=3).map(tuple),
    solved=st.booleans(),
    diff=text,
)

GOOD = Trial("t", "reflex", 0, (Attempt(1.0, 2.0),), solved=True).as_json()


@given(trials)
def test_round_trip_through_rfc_json(trial: Trial) -> None:
    """What is stored has no Infinity and no NaN in it, and is read back equal."""
    stored = json.dumps(trial.as_json(), allow_nan=False)
    assert Trial.from_json(json.loads(stored)) == trial


def test_a_reply_that_never_came_is_null() -> None:
    """∞ has no place in JSON; null stands for it."""
    trial = Trial("t", "reflex", 0, (Attempt(None, math.inf),), solved=False)
    assert trial.as_json()["attempts"][0]["latency_ms"] is None


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "object"),
        ([], "object"),
        ({}, "task"),
        (GOOD | {"extra": 1}, "extra"),
        (GOOD | {"solved": 1}, "solved"),
        (GOOD | {"solved": "true"}, "solved"),
        (GOOD | {"trial": True}, "trial"),
        (GOOD | {"trial": -1}, "trial"),
        (GOOD | {"attempts": []}, "without an attempt"),
        (GOOD | {"attempts": [{"ttft_ms": None}]}, "latency_ms"),
        (GOOD | {"attempts": [{"ttft_ms": None, "latency_ms": -1}]}, "latency_ms"),
        (GOOD | {"attempts": [{"ttft_ms": None, "latency_ms": math.nan}]}, "latency_ms"),
        (GOOD | {"attempts": [{"ttft_ms": None, "latency_ms": "2"}]}, "latency_ms"),
        (GOOD | {"attempts": [{"ttft_ms": math.inf, "latency_ms": 1}]}, "ttft_ms"),
        (GOOD | {"attempts": [{"ttft_ms": 1, "latency_ms": 1, "failure": "x"}]}, "failure"),
        (GOOD | {"diff": object()}, "object"),
    ],
)
def test_a_malformed_trial_is_refused(data: Any, complaint: str) -> None:
    """The error names the field; nothing is coerced."""
    with pytest.raises(ReportError, match=complaint):
        Trial.from_json(data)


@pytest.mark.parametrize(
    ("failure", "late", "latency_ms", "answered_ms"),
    [
        (None, False, 12.0, 12.0),
        (FailureKind.TEST, False, 12.0, 12.0),
        (FailureKind.TIMEOUT, True, 1700.0, 1700.0),
        (FailureKind.TIMEOUT, False, 3000.0, math.inf),
        (FailureKind.TRANSPORT, False, 0.4, math.inf),
    ],
)
def test_a_call_without_a_reply_is_not_a_fast_one(
    *, failure: FailureKind | None, late: bool, latency_ms: float, answered_ms: float
) -> None:
    """Refused in 0.4 ms counts as ∞; a late reply counts with the time it took."""
    assert Attempt(None, latency_ms, late, failure=failure).answered_ms == answered_ms


def test_candidates_are_replies_of_their_own() -> None:
    """Compliance counts each candidate that arrived, not the cancelled ones."""
    several = (
        Candidate(0, compliant=True, passed=False, latency_ms=5),
        Candidate(1, compliant=False, passed=False, latency_ms=6),
        Candidate(2, compliant=None, passed=False, latency_ms=math.inf),
    )
    assert Attempt(1, 5, compliant=True, candidates=several).replies == (True, False)
    assert Attempt(1, 5, compliant=True).replies == (True,)
    assert Attempt(None, math.inf).replies == ()


def test_solved_at_first_and_last_failure() -> None:
    """One attempt that solves is solved at first; the failure is the last attempt's."""
    good, bad = Attempt(1, 2), Attempt(1, 2, failure=FailureKind.TEST)
    assert Trial("t", "a", 0, (good,), solved=True).solved_first
    assert not Trial("t", "a", 0, (bad, good), solved=True).solved_first
    assert Trial("t", "a", 0, (good, bad), solved=False).failure is FailureKind.TEST
    assert Trial("t", "a", 0, (bad, good), solved=True).failure is None
    assert Trial("t", "a", 0, (), solved=False).failure is None
