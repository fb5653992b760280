"""Two reports compared: every figure then, now, and by how much it changed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from core.harness.report.storage import write
from reflex_tui.model.gate import GOOD, POOR
from reflex_tui.screens.comparison import ComparedFigure, change, compared
from reflex_tui.widgets.lines import MUTED
from tests.support.report.synthetic import made, planted

if TYPE_CHECKING:
    from pathlib import Path


MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("before", "now", "in_ms", "said", "style"),
    [
        (90.0, 95.5, False, "+5.5 points", GOOD),
        (90.0, 80.0, False, f"{MINUS}10.0 points", POOR),
        (400.0, 300.0, True, f"{MINUS}100 ms", GOOD),
        (400.0, 1900.0, True, "+1.50 s", POOR),
        (400.0, math.inf, True, "+∞", POOR),
        (math.inf, math.inf, True, "same", MUTED),
        (90.0, 90.0, False, "same", MUTED),
        (None, 90.0, False, "–", MUTED),
    ],
)
def test_a_change_has_its_size_and_its_direction(
    before: float | None, now: float, *, in_ms: bool, said: str, style: str
) -> None:
    """Less time is better, fewer tasks are worse; from nothing there is no change."""
    figures = ComparedFigure(before, in_ms), ComparedFigure(now, in_ms)
    assert change(*figures) == (said, style)


def test_the_page_has_a_column_for_it(tmp_path: Path) -> None:
    """A row an arm and figure, under its heading."""
    before, _, _ = write(made(planted(20, lost=5)), tmp_path / "before")
    now, _, _ = write(made(planted(20)), tmp_path / "now")
    rows = [each.plain for each in compared(now, before)]
    (head,) = [row for row in rows if row.split() == ["before", "now", "change"]]
    (solved,) = [row for row in rows if row.startswith("reflex    solved")]
    assert solved.split()[2:] == ["75", "%", "100", "%", "+25.0", "points"]
    assert len(solved) == len(head)
