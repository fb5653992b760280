"""Times as a person types them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_tui.widgets.log_bars import typed_time
from tests.support.tui.making import NOW


@pytest.mark.parametrize(
    ("text", "before_now"),
    [
        ("10:30", timedelta(minutes=1)),
        ("10:30:30", timedelta(seconds=30)),
        ("9:31", timedelta(hours=1)),
        ("10:32", timedelta(hours=23, minutes=59)),
        ("15m", timedelta(minutes=15)),
        ("15m ago", timedelta(minutes=15)),
        ("2d", timedelta(days=2)),
        ("2026-01-11 10:31", timedelta(days=1)),
        ("2026-01-12T10:30:00Z", timedelta(minutes=1)),
    ],
)
def test_a_time_is_understood(text: str, before_now: timedelta) -> None:
    """A time of day is the last such; a date, or how long ago."""
    assert typed_time(text, NOW) == NOW - before_now


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_an_error(text: str) -> None:
    """Typing never breaks the pane."""
    try:
        typed_time(text, NOW)
    except ValueError as error:
        assert "write a time" in str(error)  # noqa: PT017  it may also be a time
