"""A running bakeoff, as its events report it: cells, figures, time left, verdict so far.

And the banner's text about a run that finished, failed or can be resumed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.figures import duration, nearest_rank
from core.harness.bakeoff.progress import (
    AttemptEnded,
    Finished,
    LatencyCall,
    LookTaken,
    Started,
    TrialEnded,
    TrialStarted,
)
from core.harness.gate.judge import solved_in_time
from core.router.lapses import disqualifying, mark

if TYPE_CHECKING:
    from core.clock import Clock
    from core.errors import ReflexError
    from core.harness.bakeoff.progress import Progress
    from core.harness.gate.judge import GateResult
    from core.harness.gate.looks import Look
    from core.patchloop.trial import Trial
    from reflex_tui.model.estimate import Unfinished


TrialKey = tuple[str, int]  # a task and the trial's number, from 0
_LEAST_SPAN_S = 0.001

_VERDICTS = {"pass": ("✓", "success"), "fail": ("✖", "error")}


class CellState(StrEnum):
    """The state of one arm's trial."""

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
    """Takes progress events one after another; ``keys`` is the grid's order.

    ``planned`` says after how many tasks the run is looked at, ``looks`` are those taken, and with
    ``ended_at_look`` the newest made the other tasks needless. ``latency`` is the newest call for
    latency alone, ``run`` which run of its fingerprint this is (0: it is not counted).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s: float | None = None
        self._ended_s: float | None = None
        self._running: OrderedDict[tuple[TrialKey, str], int] = OrderedDict()
        self._trials: OrderedDict[tuple[TrialKey, str], Trial] = OrderedDict()
        self._calls: dict[str, list[float]] = {}
        self.suite = ""
        self.arms: tuple[str, ...] = ()
        self.keys: tuple[TrialKey, ...] = ()
        self.trials = 1
        self.done = self.total = self._kept = 0
        self.verdict: GateResult | None = None
        self.planned: tuple[int, ...] = ()
        self.looks: list[Look] = []
        self.ended_at_look = False
        self.run = 0
        self.latency: LatencyCall | None = None
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
            case LookTaken():
                self.looks.append(event.look)
                self.ended_at_look = event.ends and event.number < event.of
            case LatencyCall():
                self.latency = event
            case Finished():
                self.finished = event
                self._ended_s = self._clock.monotonic()
                self._running.clear()

    @property
    def started(self) -> bool:
        """Whether the first event came."""
        return self._started_s is not None

    @property
    def elapsed_s(self) -> float:
        """Since the first event, to the end where there is one."""
        if self._started_s is None:
            return 0.0
        end_s = self._clock.monotonic() if self._ended_s is None else self._ended_s
        return max(0.0, end_s - self._started_s)

    @property
    def pace(self) -> float:
        """Trials a second that this process ends; 0 before the first end."""
        here = self.done - self._kept
        return here / self.elapsed_s if self.elapsed_s >= _LEAST_SPAN_S else 0.0

    @property
    def left_s(self) -> float | None:
        """About how long it still takes, at this pace; None before the first end."""
        return (self.total - self.done) / self.pace if self.pace > 0 else None

    @property
    def looked_at(self) -> tuple[float, ...]:
        """Where on the bar (0 to 1) the planned looks are; none where there is only the end."""
        tasks = len({key[0] for key in self.keys})
        return tuple(at / tasks for at in self.planned) if len(self.planned) > 1 and tasks else ()

    @property
    def tasks_done(self) -> int:
        """Tasks that every arm is through with, in every trial."""
        whole: dict[str, bool] = {}
        for which in self.keys:
            through = all((which, arm) in self._trials for arm in self.arms)
            whole[which[0]] = whole.get(which[0], True) and through
        return sum(whole.values())

    def state(self, which: TrialKey, arm: str) -> CellState:
        """One cell of the grid."""
        trial = self._trials.get((which, arm))
        if trial is None:
            return CellState.RUNNING if (which, arm) in self._running else CellState.WAITING
        if not solved_in_time(trial):
            return CellState.FAILED
        return CellState.SOLVED if trial.solved_first else CellState.LATER

    def trial(self, which: TrialKey, arm: str) -> Trial | None:
        """The trial in a cell, once it has ended."""
        return self._trials.get((which, arm))

    def attempt(self, which: TrialKey, arm: str) -> int:
        """The number of the attempt that is running in a cell, from 1."""
        return self._running.get((which, arm), 0) + 1

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

    def newest(self, most: int) -> list[TrialKey]:
        """What is running, then what ended last, at most ``most``."""
        found: dict[TrialKey, None] = {}
        for keys in (reversed(self._running), reversed(self._trials)):
            for which, _ in keys:
                found.setdefault(which)
                if len(found) >= most:
                    return list(found)
        return list(found)

    def _begin(self, event: Started) -> None:
        self._started_s = self._clock.monotonic()
        self.suite, self.arms, self.trials = event.suite, event.arms, event.trials
        self.keys = tuple((task, n) for task in event.tasks for n in range(event.trials))
        self.done = self._kept = event.done
        self.total = event.total
        self.planned, self.looks, self.run = event.looks, list(event.taken), event.run
        for trial in event.kept:
            self._end(trial)
            self._calls.setdefault(trial.arm, []).extend(a.answered_ms for a in trial.attempts)

    def _end(self, trial: Trial) -> None:
        key = (trial.task, trial.trial), trial.arm
        self._running.pop(key, None)
        self._trials[key] = trial


def solved_words(trial: Trial) -> str:
    """``solved at attempt 2``, ``solved too late``; empty where it was not solved."""
    if not trial.solved:
        return ""
    if not solved_in_time(trial):
        return "solved too late"
    count = len(trial.attempts)
    return "solved" if count == 1 else f"solved at attempt {count}"


def time_taken(trial: Trial) -> str:
    """How long all of its attempts took."""
    return duration(sum(one.latency_ms for one in trial.attempts))


@dataclass(frozen=True, slots=True)
class BakeoffKeys:
    """The keys that the words name, as the user has them."""

    new: str = "n"
    resume: str = "r"
    promote: str = "p"


@dataclass(frozen=True, slots=True)
class BannerText:
    """``words`` with their glyph, in the theme's colour ``tone``, and ``rest`` below them."""

    words: str
    rest: str = ""
    tone: str = "warning"


def finished_words(finished: Finished, keys: BakeoffKeys) -> BannerText:
    """The verdict, and what it allows."""
    gate = finished.report.gate
    if finished.stopped:
        return BannerText(
            f"▲ stopped: {len(finished.report.trials)} finished trials are kept",
            f"The report is partial and does not count. {keys.resume} resumes the run.",
        )
    glyph, tone = _VERDICTS.get(gate["verdict"], ("▲", "warning"))
    rest = ""
    if not finished.recorded:
        rest = f"Does not count: {finished.unrecorded}."
    elif gate["verdict"] == "pass":
        rest = _what_it_allows(finished, keys)
    return BannerText(f"{glyph} {gate['summary']}", rest, tone)


def error_words(what: str, error: ReflexError, keys: BakeoffKeys, *, kept: bool) -> BannerText:
    """What could not be done and why, and whether the trials so far are ``kept``."""
    first = f"Finished trials are kept; {keys.resume} resumes the run.\n" if kept else ""
    return BannerText(f"✖ {what}: {error.message}", first + error.remedy, "error")


def unfinished_words(found: Unfinished, keys: BakeoffKeys) -> BannerText:
    """How far a run is that was stopped, or that another process runs."""
    far = f"{found.done} of {found.total} trials of {found.suite}"
    if found.under_way:
        return BannerText(f"▸ running elsewhere: {far}", " / ".join(found.arms), "reflex")
    return BannerText(f"▲ stopped at {far}", f"{keys.resume} resumes it")


def _what_it_allows(finished: Finished, keys: BakeoffKeys) -> str:
    stamps = set(finished.report.stamps)
    # A report made in the demo's own workspace has its mark, and counts there.
    if found := disqualifying(sorted(stamps), in_demo="demo" in stamps):
        return f"Does not count: {'; '.join(mark(name).sentence for name in found)}."
    if finished.other_suite:
        said = finished.other_suite.explanation
        return f"Does not count: {said.sentence}.\n{said.next_step}"
    return f"Passed: {keys.promote} enables reflex for Implement calls."
