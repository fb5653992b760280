"""What live calls show of the promises that a pass made: a fold over sealed events, and no more.

``Promise`` is what a pass stands for, ``Drift`` the evidence against it. Three promises are
watched: P95 latency under its threshold (a call without a reply counts as over it), replies that
meet their schema, and answers that do what was asked, where that is known. The same events in the
same order give the same state to the last bit, whoever reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import CutReply, NotCompliant, UnparsedCall
from core.monitor.ecusum import LIMIT, ECusum
from core.monitor.pairs import solved_by
from core.stages import LIVE_ORIGINS, PRIMARY, Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

LATENCY, COMPLIANCE, OUTCOMES = "drift_latency", "drift_compliance", "drift_outcomes"
# P95 under a threshold allows a twentieth of the calls to be over it.
SLOW_SHARE = 0.05
# A reply now and then may miss the schema, whatever the threshold: it is asked for again.
LEAST_INVALID = 0.01
# So many outcomes of the cloud must be known before they can lower what is asked of reflex.
LEAST_CLOUD_OUTCOMES = 20
_LEAST_ALLOWED = 0.02
_BLOCKS = {LATENCY: 10, COMPLIANCE: 5, OUTCOMES: 1}
# A reply came, though one of no use.
_REPLIED = frozenset({NotCompliant.code, UnparsedCall.code, CutReply.code})
_MOST_REMEMBERED = 20_000
# As much of the evidence is staked on a pair as leaves some, should reflex alone solve the task.
_PAIR_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What the pass recorded as ``seq`` stands for, of one model at one endpoint.

    ``slow_ms`` is its latency threshold; ``invalid`` the share of replies that may miss the schema;
    ``parity`` the least success relative to the cloud, and ``cloud`` the share of tasks that the
    cloud solved in the bakeoff: None of a pass that does not say so, and then outcomes are not
    watched.
    """

    seq: int
    seal: str
    endpoint: str
    model: str
    slow_ms: float
    invalid: float
    parity: float
    cloud: float | None


def promise_of(event: Mapping[str, Any]) -> Promise | None:
    """What a sealed GateDecision promises; None when it is no pass, or lacks what is needed."""
    limits = event.get("thresholds")
    if event.get("verdict") != "pass" or not isinstance(limits, dict):
        return None
    solved = event.get("solved_percent")
    others = (
        [v for name, v in solved.items() if name != PRIMARY] if isinstance(solved, dict) else []
    )
    try:
        return Promise(
            seq=int(event["seq"]),
            seal=str(event["seal"]),
            endpoint=str(event["endpoint"]),
            model=str(event["model"]),
            slow_ms=float(limits["p95_latency_ms"]),
            invalid=max(LEAST_INVALID, 1 - float(limits["json_schema_compliance_percent"]) / 100),
            parity=float(limits["success_parity_percent"]) / 100,
            cloud=float(others[0]) / 100 if others else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Watched:
    """One promise and the evidence against it, as surfaces show it; shares are 0 to 1.

    ``cause`` is the lapse it would lead to. ``allowed`` is None where the pass names no share.
    """

    cause: str
    calls: int
    bad: int
    allowed: float | None
    evidence: float
    limit: float
    first_seq: int
    last_seq: int

    @property
    def broken(self) -> bool:
        """The evidence has reached its limit."""
        return self.evidence >= self.limit

    @property
    def level(self) -> float:
        """The evidence on the way to its limit, 0 to 1, on a log scale."""
        return min(1.0, math.log(max(self.evidence, 1.0)) / math.log(self.limit))

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "cause": self.cause,
            "calls": self.calls,
            "bad": self.bad,
            "allowed": self.allowed,
            "evidence": self.evidence,
            "limit": self.limit,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
        }


def _charts() -> dict[str, ECusum]:
    return {name: ECusum(block) for name, block in _BLOCKS.items()}


@dataclass(slots=True)
class Drift:
    """The evidence against one ``promise``; ``take`` folds one more event, whose seal was checked.

    ``runs`` has each run's newest number, so that a copied record counts once; ``known`` the calls
    whose outcome has counted: what is said of a call later is evidence of nothing new.
    """

    promise: Promise
    charts: dict[str, ECusum] = field(default_factory=_charts)
    runs: dict[str, int] = field(default_factory=dict)
    known: dict[str, bool] = field(default_factory=dict)
    cloud_known: int = 0
    cloud_ok: int = 0

    def take_call(self, seq: int, call: Mapping[str, Any]) -> None:
        """A sealed LLMCall of any model."""
        number, run_id = call.get("watched"), str(call.get("run_id"))
        if not isinstance(number, int) or number <= self.runs.get(run_id, 0):
            return
        self.runs.pop(run_id, None)
        self.runs[run_id] = number
        _forget_oldest(self.runs)
        if (call.get("endpoint"), call.get("model")) != (self.promise.endpoint, self.promise.model):
            return
        came = call.get("success") is True or call.get("error") in _REPLIED
        slow = not came or float(call.get("latency_ms") or 0.0) >= self.promise.slow_ms
        self.charts[LATENCY].take(seq, bad=slow, allowed=SLOW_SHARE)
        if isinstance(met := call.get("json_compliant"), bool):
            self.charts[COMPLIANCE].take(seq, bad=not met, allowed=self.promise.invalid)

    def take_outcome(self, seq: int, outcome: Mapping[str, Any]) -> None:
        """A sealed CallOutcome; of a call's outcomes the first counts."""
        call_id, answered = str(outcome.get("call_id")), outcome.get("answered_seq")
        live = outcome.get("origin") in LIVE_ORIGINS and outcome.get("stage") == Stage.IMPLEMENT
        if not live or not isinstance(answered, int) or answered <= self.promise.seq:
            return
        if call_id in self.known:
            return
        ok = outcome.get("ok") is True
        self.known[call_id] = ok
        _forget_oldest(self.known)
        if outcome.get("mode") == Mode.CLOUD:
            self.cloud_known += 1
            self.cloud_ok += ok
            return
        named = outcome.get("backend"), outcome.get("endpoint"), outcome.get("model")
        ours = named == (PRIMARY, self.promise.endpoint, self.promise.model)
        if ours and (allowed := self.wrong_allowed) is not None:
            self.charts[OUTCOMES].take(seq, bad=not ok, allowed=allowed)

    def take_pair(self, seq: int, pair: Mapping[str, Any]) -> None:
        """A sealed ShadowChecked: both outcomes of one task, however hard that is.

        Of what the cloud solves, reflex has to solve the share ``parity``. A task that neither
        solved, or that reflex was stopped at, says nothing.
        """
        task, answered = f"task {pair.get('original_call_id')}", pair.get("answered_seq")
        named = pair.get("endpoint"), pair.get("model")
        if named != (self.promise.endpoint, self.promise.model) or pair.get("in_time") is not True:
            return
        if not isinstance(answered, int) or answered <= self.promise.seq or task in self.known:
            return
        ours, theirs = solved_by(pair)
        self.known[task] = ours
        _forget_oldest(self.known)
        if ours or theirs:
            short = self.promise.parity * theirs - ours
            self.charts[OUTCOMES].take_bet(seq, _PAIR_WEIGHT * short, bad=not ours)

    @property
    def wrong_allowed(self) -> float | None:
        """The share of answers that may be wrong; None where the pass does not say.

        By the bakeoff's tasks, or by the live ones where the cloud too finds those harder.
        """
        cloud = self.promise.cloud
        if cloud is None:
            return None
        if self.cloud_known >= LEAST_CLOUD_OUTCOMES:
            cloud = min(cloud, self.cloud_ok / self.cloud_known)
        return max(_LEAST_ALLOWED, 1 - self.promise.parity * cloud)

    def could_break(self, calls: int, outcomes: int) -> bool:
        """Whether so many more calls and outcomes, however bad, could break a promise."""
        charts = self.charts
        return (
            charts[LATENCY].could_break(calls, allowed=SLOW_SHARE)
            or charts[COMPLIANCE].could_break(calls, allowed=self.promise.invalid)
            or charts[OUTCOMES].could_break(outcomes, allowed=_LEAST_ALLOWED)
        )

    @property
    def broken(self) -> Watched | None:
        """The promise that is broken, if one is."""
        return next((one for one in self.watched() if one.broken), None)

    def watched(self) -> tuple[Watched, ...]:
        """Each promise with its evidence."""
        allowed = {
            LATENCY: SLOW_SHARE,
            COMPLIANCE: self.promise.invalid,
            OUTCOMES: self.wrong_allowed,
        }
        return tuple(
            Watched(
                cause=name,
                calls=chart.calls,
                bad=chart.bad,
                allowed=allowed[name],
                evidence=chart.evidence,
                limit=LIMIT,
                first_seq=chart.since,
                last_seq=chart.last,
            )
            for name, chart in self.charts.items()
        )

    def as_state(self) -> dict[str, Any]:
        """All of it as JSON; ``restored`` makes the same of it, to the last bit."""
        return {
            "charts": {name: chart.as_state() for name, chart in self.charts.items()},
            "runs": self.runs,
            "known": self.known,
            "cloud": [self.cloud_known, self.cloud_ok],
        }


def restored(promise: Promise, state: Mapping[str, Any]) -> Drift:
    """What ``as_state`` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        known, ok = map(int, state["cloud"])
        charts = {
            name: ECusum.restored(block, state["charts"][name]) for name, block in _BLOCKS.items()
        }
        runs = {str(run): int(number) for run, number in state["runs"].items()}
        outcomes = {str(call): bool(was) for call, was in state["known"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no state of the monitor") from error
    return Drift(promise, charts, runs, outcomes, known, ok)


def _forget_oldest(remembered: dict[str, Any]) -> None:
    if len(remembered) > _MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
