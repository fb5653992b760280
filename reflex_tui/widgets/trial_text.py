"""One arm's goes at a task in words: attempt by attempt, and the diff that solved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.gate.judge import solved_in_time
from core.plain import plain, plain_block
from reflex_tui.panes.live import CellState, Live, no_reply
from reflex_tui.widgets.condition import BAD, GOOD, POOR
from reflex_tui.widgets.lines import MUTED, fitting, left, line
from reflex_tui.widgets.trial_grid import ARM_STYLE, CELLS, latency
from reflex_tui.widgets.units import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.content import Content

    from core.harness.gate.trial import Attempt, Trial
    from reflex_tui.panes.live import Go

FAILURES = {
    "transport": "no connection, or it broke off",
    "timeout": "no reply in time",
    "format": "not the JSON asked for",
    "apply": "the edit could not be applied",
    "compile": "does not compile",
    "test": "tests fail",
    "lint": "lint finds faults",
    "sandbox": "the sandbox ended the tests",
}
_SHORT = {
    "transport": "no connection",
    "format": "not the JSON",
    "apply": "edit not applied",
    "lint": "lint faults",
    "sandbox": "ended by sandbox",
}
_MOST_DIFF = 20_000
_MOST_DETAIL = 2_000
_DIFF_STYLES = {"+": GOOD, "-": BAD, "@": MUTED}


def cell_text(live: Live, go: Go, arm: str, width: int) -> Content:
    """A cell of the grid in words: glyph, state, how long, why not; shorter where it is narrow."""
    state = live.state(go, arm)
    glyph, style = CELLS[state]
    trial = live.trial(go, arm)
    if trial is None:
        running = state is CellState.RUNNING
        said = f"attempt {live.attempt(go, arm)} under way" if running else "waiting"
        return line((glyph, style), (f" {said}", "" if running else MUTED))
    told = [line((glyph, style), " ", outcome(trial, short=short)) for short in (False, True)]
    return fitting(told, width)


def outcome(trial: Trial, *, short: bool = False) -> Content:
    """``solved, 410 ms``, ``solved at try 2, 1.31 s``, ``tests fail, 3 attempts``.

    In ``short`` ``edit not applied ×3``, and no more than 22 cells.
    """
    total_ms = sum(one.latency_ms for one in trial.attempts)
    count = len(trial.attempts)
    if solved_in_time(trial):
        when = "solved" if count == 1 else f"solved at try {count}"
        return line(when, (f", {latency(total_ms)}", MUTED))
    if trial.solved:
        return line("solved too late", (f", {latency(total_ms)}", MUTED))
    why = FAILURES.get(trial.failure or "", "not solved")
    if short:
        return line(_SHORT.get(trial.failure or "", why), (f" ×{count}", MUTED))
    return line(why, (f", {plural(count, 'attempt')}", MUTED))


def task_page(trials: Mapping[str, Sequence[Trial]], width: int) -> list[Content]:
    """Every arm's goes at one task, each with its attempts and the diff that solved it."""
    lines: list[Content] = []
    for (arm, goes), style in zip(trials.items(), ARM_STYLE, strict=False):
        if not goes:
            lines += [line((plain(arm, 40), f"bold {style}"), ("   not tried", MUTED)), line("")]
        for trial in goes:
            lines += _trial_lines(trial, len(goes), style)
    return [left(each, width) for each in lines]


def _trial_lines(trial: Trial, of: int, style: str) -> list[Content]:
    number = f"   trial {trial.trial + 1} of {of}" if of > 1 else ""
    good = solved_in_time(trial)
    told = ("✓ ", GOOD) if good else ("✖ ", BAD)
    name = (plain(trial.arm, 40), f"bold {style}")
    lines = [line(name, (number, MUTED), "   ", told, outcome(trial))]
    for index, attempt in enumerate(trial.attempts, 1):
        lines += _attempt_lines(index, attempt)
    lines.append(line(""))
    if trial.diff:
        lines += [*diff_lines(trial.diff), line("")]
    return lines


def _attempt_lines(number: int, attempt: Attempt) -> list[Content]:
    failure = FAILURES.get(attempt.failure or "", "") if attempt.failure else "tests pass"
    style = (POOR if attempt.failure == "lint" else BAD) if attempt.failure else GOOD
    took = "no reply" if no_reply(attempt.answered_ms) else latency(attempt.answered_ms)
    pieces: list[str | tuple[str, str]] = [
        f"  attempt {number}   ",
        (took, MUTED),
        "   ",
        (failure, style),
    ]
    if attempt.late:
        pieces += [("   after the deadline, so it counts as failed", POOR)]
    if attempt.lines_changed is not None:
        pieces += [(f"   {plural(attempt.lines_changed, 'line')} changed", MUTED)]
    lines = [line(*pieces)]
    if attempt.failure and attempt.detail:
        said = plain_block(attempt.detail, _MOST_DETAIL).strip().splitlines()[-6:]
        lines += [line(("    │ ", "$rule"), (each, MUTED)) for each in said]
    return lines


def diff_lines(diff: str) -> list[Content]:
    """A unified diff, its lines told apart by sign and colour."""
    shown = plain_block(diff, _MOST_DIFF).rstrip("\n").splitlines()
    return [line("  ", (each, _style_of(each))) for each in shown]


def _style_of(diff_line: str) -> str:
    if diff_line.startswith(("+++ ", "--- ")):
        return MUTED
    return _DIFF_STYLES.get(diff_line[:1], "")
