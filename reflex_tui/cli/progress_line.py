"""A bakeoff's progress on a terminal, in one line that is written over; line by line elsewhere."""

from __future__ import annotations

import shutil
import time
from collections import Counter
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

if TYPE_CHECKING:
    from collections.abc import Callable

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


def progress_on(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Show:
    """The kind of progress that suits ``stream``."""
    return _OneLine(stream, clock) if stream.isatty() else _Lines(stream, clock)


class _Tally:
    """What has happened so far; ``eta_s`` and the rate count from the beginning of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_at = clock()
        self._kept = 0
        self.total = self.done = 0
        self.solved: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()

    def event(self, event: Progress) -> None:
        if isinstance(event, Started):
            self._started_at = self._clock()
            self.total, self.done, self._kept = event.total, event.done, event.done
            self.tried.update(dict.fromkeys(event.arms, 0))
        elif isinstance(event, TrialEnded):
            self.done = event.done
            self.tried[event.trial.arm] += 1
            self.solved[event.trial.arm] += event.trial.solved

    @property
    def rate(self) -> float:
        """Trials a second."""
        elapsed_s = self._clock() - self._started_at
        return (self.done - self._kept) / elapsed_s if elapsed_s > 0 else 0.0

    @property
    def eta(self) -> str:
        return duration(1000 * (self.total - self.done) / self.rate if self.rate else None)

    @property
    def score(self) -> str:
        """Solved of tried, by arm."""
        return ", ".join(
            f"{plain(arm, 40)} {self.solved[arm]}/{count}" for arm, count in self.tried.items()
        )

    @property
    def place(self) -> str:
        return f"{self.done:>{len(str(self.total))}}/{self.total}"


class _OneLine:
    """Task, arm, rate and time left in one line, cut to the terminal's width."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._tally = _Tally(clock)
        self._now = ""
        self._width = 0

    def event(self, event: Progress) -> None:
        self._tally.event(event)
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
            tally = self._tally
            pace = f"{tally.rate * _MINUTE:.0f}/min, {tally.eta} left"
            self._write(f"{tally.place}  {pace}  solved {tally.score}  {self._now}")

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

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._tally = _Tally(clock)

    def event(self, event: Progress) -> None:
        self._tally.event(event)
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
            tally, trial = self._tally, event.trial
            self.say(
                f"{tally.place}  {trial.arm}  {trial.task}  {_outcome(trial)}"
                f"  (solved {tally.score}; {tally.eta} left)"
            )

    def say(self, words: str) -> None:
        self._stream.write(f"{plain(words)}\n")
        self._stream.flush()

    def end(self) -> None:
        pass


def _outcome(trial: Trial) -> str:
    count = len(trial.attempts)
    took = duration(sum(one.latency_ms for one in trial.attempts))
    if trial.solved:
        return f"solved at attempt {count}, {took}"
    kinds = ", ".join(one.failure.value for one in trial.attempts if one.failure)
    return f"not solved: {kinds}"
