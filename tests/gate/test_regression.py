"""A fall against a baseline, against McNemar's formula and enumeration."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.harness.gate.statistics import paired_regression

runs = st.lists(
    st.tuples(
        st.lists(st.booleans(), min_size=1, max_size=3),
        st.lists(st.booleans(), min_size=1, max_size=3),
    ),
    max_size=8,
)


@pytest.mark.parametrize(("fell", "rose"), [(0, 0), (5, 0), (4, 1), (9, 2), (1, 6)])
def test_one_trial_a_task_is_the_exact_mcnemar_test(fell: int, rose: int) -> None:
    """P(X ≥ fell) for X ~ Binomial(fell + rose, ½), to the last digit."""
    before = {f"f{i}": [True] for i in range(fell)} | {f"r{i}": [False] for i in range(rose)}
    now = {task: [not solved[0]] for task, solved in before.items()}
    same = {f"s{i}": [True] for i in range(10)}
    found = paired_regression(before | same, now | same, 0.95)
    n = fell + rose
    exact = Fraction(sum(math.comb(n, k) for k in range(fell, n + 1)), 2**n)
    assert found.p_value == float(exact)
    assert found.worse == (fell > rose and exact <= Fraction(1, 20))
    assert len(found.fell) == fell
    assert len(found.rose) == rose


@given(runs)
def test_several_trials_agree_with_enumeration(tasks: list[tuple[list[bool], list[bool]]]) -> None:
    """All 2^n signs tried one by one give the same chance."""
    before = {str(i): row[0] for i, row in enumerate(tasks)}
    now = {str(i): row[1] for i, row in enumerate(tasks)}
    falls = [Fraction(sum(old), len(old)) - Fraction(sum(new), len(new)) for old, new in tasks]
    totals = [
        sum((sign * fall for sign, fall in zip(signs, falls, strict=True)), Fraction(0))
        for signs in product((1, -1), repeat=len(falls))
    ]
    reached = sum(1 for total in totals if total >= sum(falls))
    assert paired_regression(before, now, 0.95).p_value == pytest.approx(reached / len(totals))


def test_four_lost_tasks_are_noise_and_five_are_not() -> None:
    """With one trial each, 2^-4 is more than 5 % and 2^-5 is less."""
    tasks = {str(i): [True] for i in range(20)}
    lost = {str(i): [i >= 4] for i in range(20)}
    assert not paired_regression(tasks, lost, 0.95).worse
    assert paired_regression(tasks, lost | {"4": [False]}, 0.95).worse


def test_without_confidence_any_fall_counts() -> None:
    """Points only: one task fewer is worse, one more is not."""
    tasks = {"a": [True], "b": [False]}
    assert paired_regression(tasks, {"a": [False], "b": [False]}, 0).worse
    assert not paired_regression(tasks, {"a": [True], "b": [True]}, 0).worse
    assert not paired_regression(tasks, tasks, 0).worse


def test_only_common_tasks_are_compared() -> None:
    """A task that one run lacks, or has no trial of, says nothing."""
    found = paired_regression({"a": [True], "b": [True], "c": []}, {"a": [True], "c": [True]}, 0.95)
    assert (found.tasks, found.before, found.now, found.worse) == (1, 1.0, 1.0, False)


def test_nothing_in_common_is_no_regression() -> None:
    """Two runs of different suites cannot be compared, and say so by ``tasks`` 0."""
    found = paired_regression({"a": [True]}, {"b": [False]}, 0)
    assert (found.tasks, found.p_value, found.worse) == (0, 1.0, False)
