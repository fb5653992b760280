"""A bakeoff under way, as its events tell it: cells, figures, time left, verdict so far.

What is said above the bakeoff pane about a run that ended, failed or can go on: pure.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.figures import nearest_rank
from core.harness.bakeoff.progress import AttemptEnded, Finished, Started, TrialEnded, TrialStarted
from core.harness.gate.judge import solved_in_time
from core.router.lapses import disqualifying, mark
from reflex_tui.keymap import shown_key

if TYPE_CHECKING:
    from typing import Any

    from textual.app import App

    from core.clock import Clock
    from core.errors import ReflexError
    from core.harness.bakeoff.progress import Progress
    from core.harness.gate.judge import GateResult
    from core.patchloop.trial import Trial
    from reflex_tui.model.estimate import Unfinished


Go = tuple[str, int]  # a task and the trial's number, from 0
_LEAST_SPAN_S = 0.001


class CellState(StrEnum):
    """Where one arm stands with one task."""

    WAITING = "waiting"
    RUNNING = "running"
    SOLVED = "solved"
    LATER = "solved later"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Score:
    """One arm so far; latencies in ms, ∞ for a call without reply, None without calls."""

    solved: int
    tried: int
    p50: float | None
    p95: float | None


class Live:
    """Takes progress events one after another; ``goes`` is the grid's order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun_s: float | None = None
        self._ended_s: float | None = None
        self._running: OrderedDict[tuple[Go, str], int] = OrderedDict()
        self._trials: OrderedDict[tuple[Go, str], Trial] = OrderedDict()
        self._calls: dict[str, list[float]] = {}
        self.suite = ""
        self.arms: tuple[str, ...] = ()
        self.goes: tuple[Go, ...] = ()
        self.trials = 1
        self.done = self.total = self._kept = 0
        self.verdict: GateResult | None = None
        self.finished: Finished | None = None

    def take(self, event: Progress) -> None:
        """Add what has happened."""
        match event:
            case Started():
                self._begin(event)
            case TrialStarted():
                self._running[(event.task, event.trial), event.arm] = 0
            case AttemptEnded():
                self._running[(event.task, event.trial), event.arm] = (
                    self._running.get(((event.task, event.trial), event.arm), 0) + 1
                )
                self._calls.setdefault(event.arm, []).append(event.attempt.answered_ms)
            case TrialEnded():
                self._end(event.trial)
                self.done, self.total = event.done, event.total
                self.verdict = event.verdict_now or self.verdict
            case Finished():
                self.finished = event
                self._ended_s = self._clock.monotonic()
                self._running.clear()

    @property
    def begun(self) -> bool:
        """Whether the first event came."""
        return self._begun_s is not None

    @property
    def elapsed_s(self) -> float:
        """Since the first event, to the end where there is one."""
        if self._begun_s is None:
            return 0.0
        end_s = self._clock.monotonic() if self._ended_s is None else self._ended_s
        return max(0.0, end_s - self._begun_s)

    @property
    def left_s(self) -> float | None:
        """About how long it still takes, at the pace of this process; None before the first end."""
        here = self.done - self._kept
        if here <= 0 or self.elapsed_s < _LEAST_SPAN_S:
            return None
        return (self.total - self.done) * self.elapsed_s / here

    @property
    def tasks_done(self) -> int:
        """Tasks that every arm is through with, in every trial."""
        whole: dict[str, bool] = {}
        for go in self.goes:
            through = all((go, arm) in self._trials for arm in self.arms)
            whole[go[0]] = whole.get(go[0], True) and through
        return sum(whole.values())

    def state(self, go: Go, arm: str) -> CellState:
        """One cell of the grid."""
        trial = self._trials.get((go, arm))
        if trial is None:
            return CellState.RUNNING if (go, arm) in self._running else CellState.WAITING
        if not solved_in_time(trial):
            return CellState.FAILED
        return CellState.SOLVED if trial.solved_first else CellState.LATER

    def trial(self, go: Go, arm: str) -> Trial | None:
        """The trial in a cell, once it has ended."""
        return self._trials.get((go, arm))

    def attempt(self, go: Go, arm: str) -> int:
        """The number of the attempt that is under way in a cell, from 1."""
        return self._running.get((go, arm), 0) + 1

    def score(self, arm: str) -> Score:
        """One arm so far."""
        ended = [trial for (_, name), trial in self._trials.items() if name == arm]
        calls = self._calls.get(arm, [])
        return Score(
            sum(map(solved_in_time, ended)),
            len(ended),
            nearest_rank(calls, 50),
            nearest_rank(calls, 95),
        )

    def newest(self, most: int) -> list[Go]:
        """What is under way, then what ended last, at most ``most``."""
        found: dict[Go, None] = {}
        for keys in (reversed(self._running), reversed(self._trials)):
            for go, _ in keys:
                found.setdefault(go)
                if len(found) >= most:
                    return list(found)
        return list(found)

    def _begin(self, event: Started) -> None:
        self._begun_s = self._clock.monotonic()
        self.suite, self.arms, self.trials = event.suite, event.arms, event.trials
        self.goes = tuple((task, n) for task in event.tasks for n in range(event.trials))
        self.done = self._kept = event.done
        self.total = event.total
        for trial in event.kept:
            self._end(trial)
            self._calls.setdefault(trial.arm, []).extend(a.answered_ms for a in trial.attempts)

    def _end(self, trial: Trial) -> None:
        key = (trial.task, trial.trial), trial.arm
        self._running.pop(key, None)
        self._trials[key] = trial


def no_reply(ms: float | None) -> bool:
    """Whether a latency stands for a call that was never answered."""
    return ms is not None and math.isinf(ms)


_VERDICTS = {"pass": ("✓", "success"), "fail": ("✖", "error")}


@dataclass(frozen=True, slots=True)
class BakeoffKeys:
    """The keys that the words name, as the user has them."""

    new: str = "n"
    resume: str = "r"
    promote: str = "p"

    @classmethod
    def of(cls, app: App[Any]) -> BakeoffKeys:
        """By the user's own keymap."""
        return cls(
            shown_key(app, "bakeoff.new", cls().new),
            shown_key(app, "bakeoff.resume", cls().resume),
            shown_key(app, "bakeoff.promote", cls().promote),
        )


@dataclass(frozen=True, slots=True)
class Said:
    """``words`` with their glyph, in the theme's colour ``tone``, and ``rest`` below them."""

    words: str
    rest: str = ""
    tone: str = "warning"


def finished_words(finished: Finished, keys: BakeoffKeys) -> Said:
    """The verdict, and what it allows."""
    gate = finished.report.gate
    if finished.stopped:
        return Said(
            f"▲ stopped: {len(finished.report.trials)} trials are kept",
            f"The report is partial and does not count. {keys.resume} goes on where it was "
            "stopped.",
        )
    glyph, tone = _VERDICTS.get(gate["verdict"], ("▲", "warning"))
    rest = ""
    if not finished.recorded:
        rest = f"It does not count: {finished.unrecorded}."
    elif gate["verdict"] == "pass":
        rest = _worth(set(finished.report.stamps), keys)
    return Said(f"{glyph} {gate['summary']}", rest, tone)


def error_words(what: str, error: ReflexError, keys: BakeoffKeys, *, kept: bool) -> Said:
    """What could not be done and why, and whether the trials so far are ``kept``."""
    first = f"What was done is kept; {keys.resume} goes on.\n" if kept else ""
    return Said(f"✖ {what}: {error.message}", first + error.remedy, "error")


def unfinished_words(found: Unfinished, keys: BakeoffKeys) -> Said:
    """How far a run is that was stopped, or is under way elsewhere."""
    far = f"{found.done} of {found.total} trials of {found.suite}"
    if found.under_way:
        return Said(f"▸ running elsewhere: {far}", " / ".join(found.arms), "reflex")
    return Said(f"▲ stopped at {far}", f"{keys.resume} goes on")


def _worth(stamps: set[str], keys: BakeoffKeys) -> str:
    # A report made in the demo's own workspace has its mark, and counts there.
    if found := disqualifying(sorted(stamps), in_demo="demo" in stamps):
        return f"Does not count: {'; '.join(mark(name).sentence for name in found)}."
    return f"Reflex has earned Implement calls: {keys.promote} lets it serve."
