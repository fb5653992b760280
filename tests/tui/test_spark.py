"""Bars from a zero baseline."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from reflex_tui.widgets.backends_table import FAILED, Sparkline
from reflex_tui.widgets.lines import EIGHTHS, bars, ceiling

latencies = st.one_of(st.none(), st.floats(0, 1e6), st.just(math.nan), st.just(math.inf))


def test_a_steady_latency_is_drawn_at_its_height() -> None:
    """Fifty milliseconds of a hundred are half a bar, however often they come."""
    assert bars([50.0] * 4, 100.0, 4) == ["▄▄▄▄"]
    assert bars([50.0], 100.0, 1) == ["▄"]


def test_the_newest_is_rightmost_and_the_oldest_fall_off() -> None:
    """A chart that is full moves to the left."""
    assert bars([100.0, 50.0], 100.0, 4) == ["  █▄"]
    assert bars([100.0, 50.0, 25.0], 100.0, 2) == ["▄▂"]


def test_rows_are_filled_from_below() -> None:
    """Two rows hold sixteen steps."""
    assert bars([100.0, 50.0, 6.0], 100.0, 3, rows=2) == ["█  ", "██▁"]


@given(st.lists(latencies, max_size=60), st.integers(0, 40), st.integers(1, 6))
def test_bars_are_always_a_full_block_of_known_cells(
    values: list[float | None], width: int, rows: int
) -> None:
    """Whatever comes, None and NaN included, the shape is right and what is slow is visible."""
    top = ceiling(values, least=100.0)
    lines = bars(values, top, width, rows)
    assert len(lines) == rows
    assert all(len(line) == width and set(line) <= set(EIGHTHS) for line in lines)
    for index, value in enumerate(values[-width:] if width else []):
        seen = lines[-1][max(0, width - len(values)) + index] != " "
        assert seen == (value is not None and value > 0)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_the_ceiling_is_a_round_number_over_all(values: list[float]) -> None:
    """1, 2 or 5 times a power of ten, and never under the least."""
    top = ceiling(values, least=100.0)
    assert top >= max(values)
    assert top >= 100
    mantissa = top / 10 ** math.floor(math.log10(top) + 1e-9)
    assert round(mantissa, 6) in {1, 2, 5, 10}


def test_a_failed_call_is_marked_and_what_is_over_the_limit_stands_out() -> None:
    """A failure is no zero; without a call there is a dot."""
    drawn = Sparkline([1000.0, None, 2500.0], 4000.0, "$reflex", limit=2000.0).line(5)
    assert drawn.plain == f"··▂{FAILED}▅"
    assert [(span.start, span.end) for span in drawn.spans if "warning" in str(span.style)] == [
        (4, 5)
    ]
