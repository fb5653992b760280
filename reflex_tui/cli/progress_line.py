"""A bakeoff's progress on a terminal, in one line that is written over; line by line elsewhere."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Protocol, TextIO

from core.figures import duration
from core.harness.bakeoff.progress import (
    Finished,
    LatencyCall,
    LookTaken,
    Started,
    TrialEnded,
    TrialStarted,
)
from core.plain import plain
from reflex_tui.model.live import Live, solved_words, time_taken

if TYPE_CHECKING:
    from core.clock import Clock
    from core.harness.bakeoff.progress import Progress
    from core.patchloop.trial import Trial

_MINUTE = 60


class Show(Protocol):
    """Somewhere to show progress."""

    def event(self, event: Progress) -> None:
        """Show one event."""

    def say(self, words: str) -> None:
        """Show a line that stays."""

    def end(self) -> None:
        """Leave the place tidy for what follows."""


def progress_on(stream: TextIO, clock: Clock) -> Show:
    """The kind of progress that suits ``stream``."""
    figures = _Figures(clock)
    return _OneLine(stream, figures) if stream.isatty() else _Lines(stream, figures)


class _Figures:
    """The figures of the run so far, as words."""

    def __init__(self, clock: Clock) -> None:
        self._live = Live(clock)

    def event(self, event: Progress) -> None:
        self._live.take(event)

    @property
    def place(self) -> str:
        """Trials done of all."""
        return f"{self._live.done:>{len(str(self._live.total))}}/{self._live.total}"

    @property
    def pace(self) -> str:
        """At the pace of this process."""
        return f"{self._live.pace * _MINUTE:.0f}/min"

    @property
    def left(self) -> str:
        """The time left."""
        left_s = self._live.left_s
        return f"{duration(None if left_s is None else 1000 * left_s)} left"

    @property
    def solved(self) -> str:
        """Solved of tried, by arm; trials kept from before included."""
        scores = ((arm, self._live.score(arm)) for arm in self._live.arms)
        each = (f"{plain(arm, 40)} {score.solved}/{score.tried}" for arm, score in scores)
        return f"solved {', '.join(each)}"


class _OneLine:
    """Task, arm, rate and time left in one line, cut to the terminal's width."""

    def __init__(self, stream: TextIO, figures: _Figures) -> None:
        self._stream = stream
        self._figures = figures
        self._now = ""
        self._width = 0

    def event(self, event: Progress) -> None:
        self._figures.event(event)
        if isinstance(event, Started):
            for line in (*event.left_out, *event.notices):
                self.say(line)
        if isinstance(event, TrialStarted):
            self._now = f"{plain(event.arm, 40)}: {plain(event.task, 64)}"
        elif isinstance(event, LookTaken):
            self.say(event.words)
        elif isinstance(event, LatencyCall):
            self._now = event.words
        if not isinstance(event, Finished):
            now = self._figures
            self._write(f"{now.place}  {now.pace}, {now.left}  {now.solved}  {self._now}")

    def say(self, words: str) -> None:
        self._write("")
        self._stream.write(f"\r{plain(words)}\n")
        self._stream.flush()

    def end(self) -> None:
        self._write("")
        self._stream.write("\r")
        self._stream.flush()

    def _write(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        self._stream.write(f"\r{text.ljust(self._width)}")
        self._stream.flush()
        self._width = len(text)


class _Lines:
    """A line a trial, for logs."""

    def __init__(self, stream: TextIO, figures: _Figures) -> None:
        self._stream = stream
        self._figures = figures

    def event(self, event: Progress) -> None:
        self._figures.event(event)
        if isinstance(event, Started):
            kept = f", {event.done} kept" if event.done else ""
            self.say(
                f"{event.suite}: {len(event.tasks)} tasks × {event.trials}, "
                f"{' against '.join(event.arms)}: {event.total} trials{kept}, seed {event.seed}"
            )
            for line in (*event.left_out, *event.notices):
                self.say(line)
        elif isinstance(event, LookTaken | LatencyCall):
            self.say(event.words)
        elif isinstance(event, TrialEnded):
            now, trial = self._figures, event.trial
            self.say(
                f"{now.place}  {trial.arm}  {trial.task}  {_outcome(trial)}"
                f"  ({now.solved}; {now.left})"
            )

    def say(self, words: str) -> None:
        self._stream.write(f"{plain(words)}\n")
        self._stream.flush()

    def end(self) -> None:
        pass


def _outcome(trial: Trial) -> str:
    if words := solved_words(trial):
        return f"{words}, {time_taken(trial)}"
    kinds = ", ".join(one.failure.value for one in trial.attempts if one.failure)
    return f"not solved: {kinds}"
