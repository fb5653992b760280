"""What each arm of a report did, in the figures a person compares."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.figures import nearest_rank, share
from core.harness.report.derived import deadline_ms, solved
from core.patchloop.formats import EditFormat, compliance_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.harness.report.document import ArmRecord, Report
    from core.patchloop.trial import Attempt, Candidate, FailureKind, Trial


OTHER_FORMAT = "other"
_FORMATS = frozenset(EditFormat)


@dataclass(frozen=True, slots=True)
class CandidateGain:
    """What parallel replies gained, over the first attempts that asked for several.

    ``first_solved`` of ``attempts`` were solved by the first reply, the one a single candidate
    would have been; ``first_unknown`` more first replies were cut off when another had won.
    ``any_solved`` were solved by any. Tokens are completion tokens; latencies are P50 in ms, of
    the first reply where it came and of the winner's arrival.
    """

    attempts: int
    candidates: int
    first_solved: int
    first_unknown: int
    any_solved: int
    tokens_first: int
    tokens_all: int
    first_p50_ms: float | None
    winner_p50_ms: float | None


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What an arm did with a level's tasks: trials, those solved, and what one took.

    ``tokens`` is the median of a trial's completion tokens, ``took_ms`` that of its attempts' time
    together, ∞ when a reply never came.
    """

    solved: int
    trials: int
    tokens: float | None
    took_ms: float | None


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm's figures; percent, ms, tokens, USD. None where there is nothing to take it from.

    ``ttft_…`` and ``total_…`` count a call that got no reply as ∞. ``failures`` counts attempts by
    what first went wrong. ``by_rung`` has for each way of asking how many of its attempts solved
    their task, and how many there were. ``by_format`` has for each edit format how many trials were
    solved by a reply in it, and how many were asked for one. ``lines_changed`` is the median of the
    solving edits, ``lint_percent`` the share of them that lint accepts. ``tokens_per_s`` is the
    median rate of generation, ``compliance_title`` what compliance is called where it is shown.
    """

    arm: str
    trials: int
    solved: int
    solved_first: int
    calls: int
    replies: int
    compliant: int
    solved_percent: float | None
    solved_first_percent: float | None
    compliance_percent: float | None
    lint_percent: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    total_p50_ms: float | None
    total_p95_ms: float | None
    failures: dict[FailureKind, int]
    by_level: dict[int, LevelFigures]
    by_rung: dict[str, tuple[int, int]]
    by_format: dict[str, tuple[int, int]]
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    tokens_per_s: float | None
    cost_usd: float | None
    lines_changed: float | None
    fences_stripped: int
    gain: CandidateGain | None
    compliance_title: str = "JSON compliance"

    def as_json(self) -> dict[str, Any]:
        """The summary in RFC JSON; ∞ is null."""
        values: dict[str, Any] = _finite(asdict(self))
        return values


def summaries(report: Report) -> dict[str, ArmSummary]:
    """The figures of every arm by its name, in the report's order."""
    return {name: _summary(report, arm) for name, arm in report.arms.items()}


def _summary(report: Report, arm: ArmRecord) -> ArmSummary:
    trials = [one for one in report.trials if one.arm == arm.name]
    good = [one for one in trials if solved(report, one)]
    attempts = [attempt for one in trials for attempt in one.attempts]
    replies = [compliant for one in attempts for compliant in one.replies]
    linted = [
        last.lint_passed for one in good if (last := one.attempts[-1]).lint_passed is not None
    ]
    changed = [
        last.lines_changed for one in good if (last := one.attempts[-1]).lines_changed is not None
    ]
    totals = [one.answered_ms for one in attempts]
    firsts = [_first_token_ms(one) for one in attempts]
    at_once = sum(1 for one in good if one.solved_first)
    prompt_tokens = _sum(one.prompt_tokens for one in attempts)
    completion_tokens = _sum(_completion_tokens(one) for one in attempts)
    return ArmSummary(
        arm=arm.name,
        trials=len(trials),
        solved=len(good),
        solved_first=at_once,
        calls=len(attempts),
        replies=len(replies),
        compliant=sum(replies),
        solved_percent=share(len(good), len(trials)),
        solved_first_percent=share(at_once, len(trials)),
        compliance_percent=share(sum(replies), len(replies)),
        lint_percent=share(sum(linted), len(linted)),
        ttft_p50_ms=nearest_rank(firsts, 50),
        ttft_p95_ms=nearest_rank(firsts, 95),
        total_p50_ms=nearest_rank(totals, 50),
        total_p95_ms=nearest_rank(totals, 95),
        failures=dict(
            sorted(Counter(one.failure for one in attempts if one.failure is not None).items())
        ),
        by_level=_by_level(report.suite.levels, trials, good),
        by_rung=_by_rung(attempts, good),
        by_format=_by_format(trials, good),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cached_tokens=_sum(one.cached_tokens for one in attempts),
        tokens_per_s=nearest_rank([rate for one in attempts for rate in _rates(one)], 50),
        cost_usd=_cost(arm, prompt_tokens, completion_tokens),
        lines_changed=nearest_rank(changed, 50),
        fences_stripped=sum(one.fences_stripped for one in attempts),
        gain=_gain(report, trials),
        compliance_title=compliance_title(report.settings.edit_format),
    )


def _first_token_ms(attempt: Attempt) -> float:
    """TTFT; a reply whose first token nobody saw counts from its end, a call without reply as ∞."""
    if math.isinf(attempt.answered_ms):
        return math.inf
    return attempt.answered_ms if attempt.ttft_ms is None else attempt.ttft_ms


def _completion_tokens(attempt: Attempt) -> int | None:
    """All that were generated, as far as they were counted."""
    if attempt.tokens_of_all is not None:
        return attempt.tokens_of_all
    if attempt.candidates:
        return _sum(one.completion_tokens for one in attempt.candidates)
    return attempt.completion_tokens


def _rates(attempt: Attempt) -> list[float]:
    """Tokens a second after the first token; none where it is unknown."""
    tokens, first = attempt.completion_tokens, attempt.ttft_ms
    several = bool(attempt.candidates) and not any(one.passed for one in attempt.candidates)
    # With several candidates only a winner's latency is that of the reply whose tokens are known.
    if tokens is None or tokens < 2 or first is None or several:  # noqa: PLR2004  a rate takes two
        return []
    seconds = (attempt.answered_ms - first) / 1000
    return [(tokens - 1) / seconds] if 0 < seconds < math.inf else []


def _by_level(
    levels: Mapping[str, int], trials: Sequence[Trial], good: Sequence[Trial]
) -> dict[int, LevelFigures]:
    """What was tried at each level, and what came of it."""
    won = Counter(levels[one.task] for one in good if one.task in levels)
    groups: dict[int, list[Trial]] = {}
    for one in trials:
        if one.task in levels:
            groups.setdefault(levels[one.task], []).append(one)
    return {
        level: LevelFigures(
            solved=won[level],
            trials=len(group),
            tokens=nearest_rank(_tokens_of(group), 50),
            took_ms=nearest_rank(
                [sum(each.answered_ms for each in one.attempts) for one in group], 50
            ),
        )
        for level, group in sorted(groups.items())
    }


def _tokens_of(trials: Sequence[Trial]) -> list[int]:
    """Each trial's completion tokens, where they were counted."""
    sums = (_sum(_completion_tokens(each) for each in one.attempts) for one in trials)
    return [tokens for tokens in sums if tokens is not None]


def _by_rung(attempts: Sequence[Attempt], good: Sequence[Trial]) -> dict[str, tuple[int, int]]:
    """Solved and asked at each rung, in the order in which they were first used."""
    won = Counter(one.attempts[-1].rung for one in good)
    asked = Counter(one.rung for one in attempts if one.rung)
    return {rung: (won[rung], count) for rung, count in asked.items()}


def _by_format(trials: Sequence[Trial], good: Sequence[Trial]) -> dict[str, tuple[int, int]]:
    """Trials solved in each format, and those asked in it, in the order of the formats.

    A report may come from anybody: what is none of our formats counts as ``other``.
    """
    asked = Counter(
        name for one in trials for name in {_format_name(each) for each in one.attempts}
    )
    won = Counter(_format_name(one.attempts[-1]) for one in good)
    names = (*EditFormat, OTHER_FORMAT)
    return {str(name): (won[name], asked[name]) for name in names if asked[name]}


def _format_name(attempt: Attempt) -> str:
    """The format that an attempt asked for; empty where nobody wrote it down."""
    known = not attempt.edit_format or attempt.edit_format in _FORMATS
    return attempt.edit_format if known else OTHER_FORMAT


def _cost(arm: ArmRecord, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """USD, as far as tokens were counted; None without prices or counts."""
    prices = (arm.price_input_per_million, arm.price_output_per_million)
    if None in prices or prompt_tokens is None or completion_tokens is None:
        return None
    price_in, price_out = (price or 0.0 for price in prices)
    return (prompt_tokens * price_in + completion_tokens * price_out) / 1_000_000


def _gain(report: Report, trials: Sequence[Trial]) -> CandidateGain | None:
    firsts = [
        one.attempts[0] for one in trials if one.attempts and len(one.attempts[0].candidates) > 1
    ]
    rows = [one.candidates for one in firsts]
    if not rows:
        return None
    limit = deadline_ms(report) if trials[0].arm == report.pair[0] else math.inf

    def wins(one: Candidate) -> bool:
        return one.passed and one.latency_ms <= limit

    winners = [min(map(_latency, filter(wins, row))) for row in rows if any(map(wins, row))]
    came = [row[0].latency_ms for row in rows if math.isfinite(row[0].latency_ms)]
    return CandidateGain(
        attempts=len(rows),
        candidates=max(map(len, rows)),
        first_solved=sum(1 for row in rows if wins(row[0])),
        first_unknown=sum(1 for row in rows if row[0].compliant is None and any(map(wins, row))),
        any_solved=len(winners),
        tokens_first=sum(row[0].completion_tokens or 0 for row in rows),
        tokens_all=sum(_completion_tokens(one) or 0 for one in firsts),
        first_p50_ms=nearest_rank(came, 50),
        winner_p50_ms=nearest_rank(winners, 50),
    )


def _latency(candidate: Candidate) -> float:
    return candidate.latency_ms


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of what was counted; None when nothing was."""
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
