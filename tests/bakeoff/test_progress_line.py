"""A bakeoff's progress as lines, for logs: the same figures as on the dashboard."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from reflex_tui.cli.progress_line import progress_on
from tests.support.tui.bakeoffs import attempt, events, trials
from tests.support.tui.making import StillClock

if TYPE_CHECKING:
    from core.patchloop.trial import Trial


def lines_of(of: int, done: list[Trial], *, kept: int = 0) -> list[str]:
    """What a log says of a run whose trials end a second apart."""
    stream = io.StringIO()
    show = progress_on(stream, clock := StillClock())
    for event in events(of, done, kept=kept):
        clock.forward(0.5)
        show.event(event)
    return stream.getvalue().splitlines()


def test_a_reply_too_late_is_not_counted_as_solved() -> None:
    """The gate does not count it either, nor does the dashboard."""
    late, cloud = trials(1)
    late = replace(late, attempts=(attempt(1800.0, late=True),))
    _, first, second = lines_of(2, [late, cloud])
    assert "solved too late, 1.80 s" in first
    assert "(solved reflex 0/1, cloud 0/0;" in first
    assert "(solved reflex 0/1, cloud 1/1;" in second


def test_a_resumed_run_counts_the_trials_that_it_kept() -> None:
    """Beside the place, which counts them too; the time left is by the new ones alone."""
    first, second, *_ = lines_of(4, trials(3, lost=(2,)), kept=4)
    assert first.endswith("8 trials, 4 kept, seed 1")
    assert second.startswith("5/8  reflex")
    assert "(solved reflex 2/3, cloud 1/2; 7.50 s left)" in second
