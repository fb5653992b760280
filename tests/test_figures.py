"""Numbers as a person reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import figures
from tests.support.tui.making import NOW


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, "–"),
        (0.4, "0.4 ms"),
        (61.2, "61 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (1310, "1.31 s"),
        (12_340, "12.3 s"),
        (99_960, "1 m 40 s"),
        (125_000, "2 m 05 s"),
    ],
)
def test_durations_keep_three_figures(ms: float | None, said: str) -> None:
    """The unit changes with the size; the number of figures hardly does."""
    assert figures.duration(ms) == said


@given(st.floats(0, 1e8))
def test_a_duration_is_never_wider_than_its_column(ms: float) -> None:
    """Eight columns are enough for whatever a file claims, so that nothing is cut."""
    assert len(figures.duration(ms)) <= 8


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.3, "now"), (3, "3 s ago"), (300, "5 min ago"), (7300, "2 h ago"), (276_480, "3 d ago")],
)
def test_ages_are_in_the_largest_unit(seconds: float, said: str) -> None:
    """An age is one number and one unit."""
    assert figures.ago(seconds) == said


def test_yesterdays_times_have_a_date() -> None:
    """A time of another day is told apart from one of today."""
    assert figures.clock_time(NOW, NOW) == "10:31:00.000"
    assert figures.clock_time(NOW - timedelta(days=1), NOW) == "Jan 11 10:31"
