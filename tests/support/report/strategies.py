"""Trials as Hypothesis makes them up, texts hostile and numbers odd."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from core.patchloop.trial import Attempt, Candidate, FailureKind, Trial
from tests.support.report.synthetic import HOSTILE

texts = st.sampled_from(HOSTILE) | st.text(max_size=30)
# What a report may hold: half a surrogate pair is replaced when it is built.
clean_texts = texts.map(lambda text: text.encode(errors="replace").decode())
counts = st.none() | st.integers(0, 10**12)
latencies = st.just(math.inf) | st.floats(0, 1e9)
candidates = st.builds(
    Candidate,
    index=st.integers(0, 63),
    compliant=st.none() | st.booleans(),
    passed=st.booleans(),
    latency_ms=latencies,
    completion_tokens=counts,
)
attempts = st.builds(
    Attempt,
    ttft_ms=st.none() | st.floats(0, 1e9),
    latency_ms=latencies,
    late=st.booleans(),
    compliant=st.none() | st.booleans(),
    failure=st.none() | st.sampled_from(FailureKind),
    detail=clean_texts,
    prompt_tokens=counts,
    completion_tokens=counts,
    cached_tokens=counts,
    fences_stripped=st.integers(0, 9),
    lines_changed=counts,
    lint_passed=st.none() | st.booleans(),
    candidates=st.lists(candidates, max_size=3).map(tuple),
    edit_format=st.sampled_from(["code", "search_replace"])
    | clean_texts.map(lambda text: text[:20]),
)


@st.composite
def trials(draw: st.DrawFn) -> list[Trial]:
    """Trials of two arms at up to four tasks, each at most once."""
    keys = st.tuples(
        st.sampled_from(["a", "b b", "c|`", "<d>"]),
        st.sampled_from(["reflex", "cloud"]),
        st.integers(0, 2),
    )
    made = []
    for task, arm, number in draw(st.lists(keys, unique=True, max_size=12)):
        tried = tuple(draw(st.lists(attempts, max_size=3)))
        solved = bool(tried) and draw(st.booleans())
        made.append(Trial(task, arm, number, tried, solved, draw(clean_texts)))
    return made
