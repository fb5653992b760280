"""Holm's rule over the tags: all are tested at once, with one error in all."""

from __future__ import annotations

import pytest

from core.harness.report.tags import TagParity, holm


def failing(*p_values: float) -> list[int]:
    """Which of tags with these p-values clearly fail, at an error of 5 % in all."""
    tags = [
        TagParity(f"tag-{at}", 10, 5, 9, 55.6, 20.0, p_value) for at, p_value in enumerate(p_values)
    ]
    found = holm(tags, 0.05)
    assert [one.tag for one in found] == [one.tag for one in tags]
    return [at for at, one in enumerate(found) if one.fails]


@pytest.mark.parametrize(
    ("p_values", "fail"),
    [
        ([0.04], [0]),
        ([0.06], []),
        ([0.03, 0.04], []),  # alone each would
        ([0.024, 0.04], [0, 1]),  # once the first has, the second needs only 0.05
        ([0.04, 0.024], [0, 1]),
        ([0.016, 0.024, 0.9], [0, 1]),
        ([0.02, 0.001, 0.04], [0, 1, 2]),
        ([0.03, 0.016, 0.011], [0, 1, 2]),
        ([0.026, 0.016, 0.06], [1]),  # 0.026 is over 0.025, and ends it
        ([], []),
    ],
)
def test_the_smallest_first_each_by_how_many_are_left(
    p_values: list[float], fail: list[int]
) -> None:
    """0.05 by the number of tags not decided yet, up to the first that does not clear it."""
    assert failing(*p_values) == fail


def test_nothing_is_tested_after_the_first_that_does_not_clear() -> None:
    """0.045 would be enough for the last, but the one before it was not."""
    assert failing(0.03, 0.045, 0.9) == []
    assert failing(0.016, 0.03, 0.045) == [0]
