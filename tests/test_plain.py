"""What a stranger wrote, on its way to a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plain import plain, plain_block

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)


@given(ANYTHING)
def test_a_line_is_printable(text: str) -> None:
    """Whatever it was: controls, bidi, surrogates, unassigned, spaces of any kind."""
    assert plain(text).isprintable()


@given(ANYTHING)
def test_only_line_ends_are_left_in_a_block(text: str) -> None:
    """Lines stay lines, and each of them is printable."""
    assert all(line.isprintable() for line in plain_block(text).split("\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\xa0b\u3000c", "a b c"),
        ("x\r\ny\tz", "x y    z"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_what_it_is_shown_as(text: str, shown: str) -> None:
    """Spaces as spaces, controls as marks, letters as they are."""
    assert plain(text) == shown


def test_a_long_text_is_cut() -> None:
    """With a sign that there was more."""
    assert plain("a" * 10, 4) == "aaaa…"
