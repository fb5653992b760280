"""Why reflex may not serve: every lapse reason and every mark, each with what to do next.

A lapse reason is the ``detail`` of a decision with ``thresholds_not_met``. A mark says what limits
the worth of a report. Router, ``status``, ``check``, ``enable``, the dashboard and reports take
their sentences from here and nowhere else. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_RUN = "Run a bakeoff: code reflex bakeoff"
RUN_AGAIN = "Run a new bakeoff: code reflex bakeoff"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One clause, without a full stop, and one next step."""

    sentence: str
    next_step: str = RUN_AGAIN


LAPSES = {
    "no_bakeoff": Explanation("no bakeoff yet, so reflex may not serve", _RUN),
    "marked": Explanation("the newest bakeoff does not count"),
    "superseded": Explanation(
        "the capsule was rolled back: a newer gate decision is missing",
        "See what is wrong: code reflex events verify",
    ),
    "unnumbered": Explanation("an earlier version recorded the pass, without its order"),
    "stale": Explanation("lapsed: the pass is too old"),
    "model_changed": Explanation("lapsed: the bakeoff was about another model"),
    "server_changed": Explanation("lapsed: the bakeoff was about another server"),
    "suite_changed": Explanation("lapsed: the suite has changed since the bakeoff"),
    "prompt_changed": Explanation("lapsed: the prompts have changed since the bakeoff"),
    "schema_changed": Explanation("lapsed: the reply schema has changed since the bakeoff"),
    "format_changed": Explanation("lapsed: the edit format has changed since the bakeoff"),
    "candidates_changed": Explanation("lapsed: the bakeoff was with another number of candidates"),
    "thresholds_changed": Explanation("lapsed: the thresholds have changed since the bakeoff"),
    "p95_latency": Explanation(
        "too slow: P95 latency misses its threshold",
        "Use a faster server or a smaller model, then run a new bakeoff",
    ),
    "success_parity": Explanation(
        "too weak: it solves too few of the tasks that the cloud solves",
        "Use a stronger model, then run a new bakeoff",
    ),
    "json_compliance": Explanation(
        "replies miss the format that was asked for",
        "Start the server with its grammar backend, then run a new bakeoff",
    ),
    "suite_not_listed": Explanation(
        "passed, but its suite is not among [reflex] suites",
        "Name it in [reflex] suites of stage0.toml",
    ),
    "inconclusive": Explanation(
        "too little evidence for a verdict",
        "Run it again, which adds evidence, or take a larger suite: code reflex bakeoff",
    ),
    "golden_regression": Explanation(
        "a golden task fails on reflex though the cloud solves it",
        "Use a stronger model, then run a new bakeoff",
    ),
    "drift_latency": Explanation("live calls have become slower than the threshold"),
    "drift_compliance": Explanation("live replies miss the JSON schema too often"),
    "drift_outcomes": Explanation("live replies solve less than the bakeoff promised"),
}
# These say how the newest bakeoff ended; the others, that none speaks of reflex as it is now.
OUTCOMES = frozenset(
    {"p95_latency", "success_parity", "json_compliance", "golden_regression", "inconclusive"}
)


@dataclass(frozen=True, slots=True)
class OtherSuite:
    """The suite of a pass that is not among the ``listed`` ones; all as a configuration has it."""

    name: str
    listed: tuple[str, ...]

    @property
    def beforehand(self) -> str:
        """What a run on it cannot do yet."""
        return f"a pass on {self.name} counts once [reflex] suites names it"

    @property
    def explanation(self) -> Explanation:
        """Why the pass does not count, and the line that makes it count."""
        names = ", ".join(f'"{name}"' for name in (*self.listed, self.name))
        return Explanation(
            f"passed on {self.name}, which is not among [reflex] suites",
            f"To count it, write suites = [{names}] in [reflex] of stage0.toml; where that is a "
            "project's file, also: code reflex trust --suites",
        )


class Counts(StrEnum):
    """Where a report with a mark may enable reflex."""

    ANYWHERE = "anywhere"
    IN_DEMO = "in_demo"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Mark(Explanation):
    """What a mark says of a report, and where it still counts."""

    counts: Counts = Counts.NOWHERE

    @property
    def consequence(self) -> str:
        """The sentence with what follows from it for enabling reflex."""
        match self.counts:
            case Counts.ANYWHERE:
                return self.sentence
            case Counts.IN_DEMO:
                return f"{self.sentence}: it counts in the demo's own workspace only"
            case Counts.NOWHERE:
                return f"{self.sentence}: it cannot enable reflex"


MARKS = {
    "demo": Mark(
        "it was made in the demo",
        "Run a bakeoff in your own workspace: code reflex bakeoff",
        Counts.IN_DEMO,
    ),
    "scripted": Mark(
        "a stand-in answered, not a real model",
        "Configure a real model for both sides, then run a new bakeoff",
        Counts.IN_DEMO,
    ),
    "unsandboxed": Mark(
        "model-written code ran without a sandbox",
        "Install bubblewrap, then run a new bakeoff without --allow-unsandboxed",
    ),
    "partial": Mark(
        "the run was stopped, or shards of it are missing",
        "Finish it: code reflex bakeoff --resume",
    ),
    "subset": Mark(
        "only some of the suite's tasks were run", "Run all of them: code reflex bakeoff"
    ),
    "server_changed": Mark("a server changed during the run, so it is unclear which one answered"),
    "recorded": Mark(
        "it was recorded on another machine and ships with the demo",
        "Run a bakeoff of your own: code reflex bakeoff",
    ),
    "aa": Mark("both sides are the same model (A/A test)"),
    "reused_cloud": Mark("the cloud's trials come from an earlier report", "", Counts.ANYWHERE),
    "mixed_hardware": Mark(
        "shards ran on different hardware, so latency is not judged", "", Counts.ANYWHERE
    ),
    "other_suite": Mark(
        "measured on another suite than the default: it counts where [reflex] suites names it",
        "",
        Counts.ANYWHERE,
    ),
    "loosened": Mark(
        "judged by thresholds looser than the defaults, which the user accepted",
        "",
        Counts.ANYWHERE,
    ),
}


def mark(name: str) -> Mark:
    """What the mark ``name`` says; one of another version counts nowhere."""
    return MARKS.get(name) or Mark(f"marked {name!r}, which this version does not know")


def disqualifying(marks: Iterable[str], *, in_demo: bool) -> tuple[str, ...]:
    """Those of ``marks`` with which a report may not enable reflex here."""
    allowed = {Counts.ANYWHERE, Counts.IN_DEMO} if in_demo else {Counts.ANYWHERE}
    return tuple(name for name in marks if mark(name).counts not in allowed)


def explained(
    detail: str,
    marks: Iterable[str] = (),
    *,
    passed: bool = False,
    other: OtherSuite | None = None,
) -> Explanation:
    """What ``detail`` means; ``marks`` are a decision's disqualifying ones, ``passed`` its verdict.

    ``other`` is the suite that ``suite_not_listed`` is about, where it is known.
    """
    if detail == "suite_not_listed" and other:
        return other.explanation
    found = [mark(name) for name in marks]
    whys = ", and ".join(one.sentence for one in found)
    if detail == "marked" and found:
        head = "passed, but does not count" if passed else "does not count"
        return Explanation(f"{head}: {whys}", found[0].next_step)
    known = LAPSES.get(detail) or Explanation(detail.replace("_", " "))
    if not found:
        return known
    return Explanation(f"{known.sentence}; a pass would not count: {whys}", known.next_step)
