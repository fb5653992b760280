"""A running bakeoff: progress, both arms' trials and figures, the verdict so far.

``task_page`` tells one task's trials in words: each attempt, and the diff that solved it.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.figures import duration, plural
from core.harness.gate.criteria import P95_LATENCY
from core.harness.gate.judge import solved_in_time
from core.plain import plain, plain_block
from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.model.live import CellState, Live, Score, solved_words, time_taken
from reflex_tui.widgets.gate import VERDICTS
from reflex_tui.widgets.lines import MUTED, fitting, labelled, left, line, right, spread
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.gate.criteria import Criterion
    from core.patchloop.trial import Attempt, Trial
    from reflex_tui.model.live import TrialKey


FAILURES = {
    "transport": "no connection, or it broke off",
    "refused": "the server refused it",
    "too_long": "prompt over the context",
    "busy": "the server was busy",
    "timeout": "no reply in time",
    "only_reasoning": "only reasoning, no answer",
    "format": "not in the format asked for",
    "apply": "the edit could not be applied",
    "compile": "does not compile",
    "unchanged": "a copy of the files",
    "test": "tests fail",
    "lint": "lint finds problems",
    "sandbox": "tests stopped by the sandbox",
}
_SHORT = {
    "transport": "no connection",
    "refused": "refused",
    "too_long": "too long",
    "busy": "busy",
    "only_reasoning": "only reasoning",
    "format": "wrong format",
    "apply": "edit not applied",
    "lint": "lint problems",
    "sandbox": "sandbox stopped it",
}
_MOST_DIFF = 20_000
_MOST_DETAIL = 2_000
_DIFF_STYLES = {"+": GOOD, "-": BAD, "@": MUTED}

CELLS = {
    CellState.WAITING: ("·", "$muted"),
    CellState.RUNNING: ("▸", "bold $foreground"),
    CellState.SOLVED: ("●", "$success"),
    CellState.LATER: ("◐", "$success"),
    CellState.FAILED: ("✖", "bold $error"),
}
WORDS = {
    CellState.SOLVED: "solved",
    CellState.LATER: "at a later attempt",
    CellState.FAILED: "not solved",
    CellState.RUNNING: "running",
    CellState.WAITING: "waiting",
}
# On the progress bar: a look to come, and what those taken came to.
_LOOKS = {
    "": ("┊", "bold $foreground"),
    "open": ("○", "bold $foreground"),
    "pass": ("✓", "bold $success"),
    "futile": ("✖", "bold $error"),
}
ARM_STYLE = ("$reflex", "$cloud")
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR = 12
_LEAST_CELL = 25
_MOST_ROWS, _MOST_SHORT_ROWS = 6, 2
_NUMBER = 10
# Two less than elsewhere, so that a task a cell of our own suite is a line at 80 columns.
LABEL = 8
_SAID = 16
_MOST_TOWARDS, _COUNTED = 40, 28
_PREPARING = "probing the servers and testing the sandbox"


def cell_text(live: Live, key: TrialKey, arm: str, width: int) -> Content:
    """A cell of the grid in words: glyph, state, how long, why not; shorter where it is narrow."""
    state = live.state(key, arm)
    glyph, style = CELLS[state]
    trial = live.trial(key, arm)
    if trial is None:
        running = state is CellState.RUNNING
        said = f"attempt {live.attempt(key, arm)} running" if running else "waiting"
        return line((glyph, style), (f" {said}", "" if running else MUTED))
    told = [line((glyph, style), " ", outcome(trial, short=short)) for short in (False, True)]
    return fitting(told, width)


def _columns(width: int, arms: int) -> tuple[int, int]:
    """Cells for the task's name and for each arm."""
    cell = max(_LEAST_CELL, min(44, width * 2 // (3 * max(1, arms))))
    return max(8, width - arms * cell), cell


def trial_header(live: Live, width: int) -> Content:
    """Names of the columns of ``trial_line``."""
    name, cell = _columns(width, len(live.arms))
    arms = (
        left(line((plain(arm, 40), f"bold {style}")), cell)
        for arm, style in zip(live.arms, ARM_STYLE, strict=False)
    )
    return line(left(line(("TASK", MUTED)), name), *arms)


def trial_line(live: Live, which: TrialKey, width: int) -> Content:
    """A task of the run, and each arm's trial of it."""
    name, cell = _columns(width, len(live.arms))
    task = plain(which[0], 120) + (f" #{which[1] + 1}" if live.trials > 1 else "")
    cells = (left(cell_text(live, which, arm, cell - 1), cell - 1) + " " for arm in live.arms)
    return line(left(task, name - 1), " ", *cells)


def outcome(trial: Trial, *, short: bool = False) -> Content:
    """``solved, 410 ms``, ``solved at attempt 2, 1.31 s``, ``tests fail, 3 attempts``.

    In ``short`` ``edit not applied ×3``, and no more than 22 cells.
    """
    if words := solved_words(trial):
        return line(words, (f", {time_taken(trial)}", MUTED))
    count = len(trial.attempts)
    why = FAILURES.get(trial.failure or "", "not solved")
    if short:
        return line(_SHORT.get(trial.failure or "", why), (f" ×{count}", MUTED))
    return line(why, (f", {plural(count, 'attempt')}", MUTED))


def task_page(trials: Mapping[str, Sequence[Trial]], width: int) -> list[Content]:
    """Every arm's trials of one task, each with its attempts and the diff that solved it."""
    lines: list[Content] = []
    for (arm, of_arm), style in zip(trials.items(), ARM_STYLE, strict=False):
        if not of_arm:
            lines += [line((plain(arm, 40), f"bold {style}"), ("   not tried", MUTED)), line("")]
        for trial in of_arm:
            lines += _trial_lines(trial, len(of_arm), style)
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
    took = "no reply" if math.isinf(attempt.answered_ms) else duration(attempt.answered_ms)
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
    if attempt.edit_format:
        pieces += [(f"   as {plain(attempt.edit_format, 20)}", MUTED)]
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


class TrialGrid(Section):
    """Draws ``live``; ``tick`` is raised when it has changed, as it is one and the same object."""

    live: reactive[Live | None] = reactive(None, layout=True)
    stopping: reactive[bool] = reactive(default=False)
    tick: reactive[int] = reactive(0, layout=True)

    def lines(self, width: int) -> list[Content]:
        """Progress, a block an arm, the key to the signs, the verdict so far."""
        live = self.live
        if live is None or not live.started:
            return [
                line(("Bakeoff   ", "bold"), ("◌ preparing", MUTED)),
                line(""),
                left(line((_PREPARING, MUTED)), width),
            ]
        lines = [_progress(live, width, stopping=self.stopping), line("")]
        most = _MOST_ROWS if self._is_roomy else _MOST_SHORT_ROWS
        for arm, style in zip(live.arms, ARM_STYLE, strict=False):
            lines += _arm(live, arm, style, width, most)
        legend = _legend(live, width)
        lines += [line(""), legend, line("")] if self._is_roomy else [legend]
        return lines + look_lines(live, width) + _verdict(live, width)

    @property
    def _is_roomy(self) -> bool:
        return self.screen.has_class("-tall")


def _progress(live: Live, width: int, *, stopping: bool) -> Content:
    """Suite, how far, how long still, and a bar in what room there is."""
    name = line((plain(live.suite, 40), "bold"))
    far = line(
        f"   {live.done:>{len(str(live.total))}} of {live.total} trials",
        (f"   {live.tasks_done} of {len({key[0] for key in live.keys})} tasks finished", MUTED),
    )
    state = _pace(live, stopping=stopping)
    room = width - name.cell_length - far.cell_length - state.cell_length - 6
    if room < _LEAST_BAR:
        far = line(f"   {live.done} of {live.total} trials")
        room = width - name.cell_length - far.cell_length - state.cell_length - 6
    bar = progress_bar(live, room) if room >= _LEAST_BAR else line("")
    return spread(line(name, far, "   ", bar), state, width, gap=1)


def _pace(live: Live, *, stopping: bool) -> Content:
    if live.finished is not None:
        return line((f"took {duration(1000 * live.elapsed_s)}", MUTED))
    if stopping:
        return line(("▲ stopping; finished trials are kept", "$warning"))
    left_s = live.left_s
    if left_s is None:
        return line(("ETA –", MUTED))
    return line(("ETA ", MUTED), (duration(1000 * max(1.0, left_s)), "bold"))


def progress_bar(live: Live, width: int) -> Content:
    """How far it is, with a mark at each planned look: what it came to, or that it is to come."""
    eighths = round(live.done / max(1, live.total) * width * 8)
    full, part = divmod(min(eighths, width * 8), 8)
    filled = "█" * full + (_EIGHTHS[part] if part else "")
    cells = [(cell, "$reflex") for cell in filled]
    cells += [("─", "$rule")] * (width - len(filled))
    for number, at in enumerate(live.looked_at):
        outcome = live.looks[number].outcome if number < len(live.looks) else ""
        cells[max(1, round(at * width)) - 1] = _LOOKS[outcome]
    return Content.assemble(*cells)


def _arm(live: Live, arm: str, style: str, width: int, most: int) -> list[Content]:
    """The arm's cells in ``most`` rows, up to where something happens, and its figures below."""
    states = [live.state(key, arm) for key in live.keys]
    room = max(10, width - LABEL)
    name = line((plain(arm, LABEL - 1).ljust(LABEL), f"bold {style}"))
    rows = [states[at : at + room] for at in range(0, len(states), room)] or [[]]
    reached = max((n for n, row in enumerate(rows) if set(row) != {CellState.WAITING}), default=0)
    first = max(0, reached - most + 1)
    shown = rows[first : first + most]
    lines = [
        line(name if number == 0 else " " * LABEL, _cells(row)) for number, row in enumerate(shown)
    ]
    before, after = first * room, len(states) - (first + most) * room
    unseen = [f"{before:,} before"] * (before > 0) + [f"{after:,} after"] * (after > 0)
    if unseen:
        told = f"{' and '.join(unseen)} that do not fit"
        lines.append(line(" " * LABEL, (told, MUTED)))
    return [*lines, line(" " * LABEL, _figures(live.score(arm)))]


def _cells(states: Sequence[CellState]) -> Content:
    runs = ((state, len(list(run))) for state, run in groupby(states))
    return Content.assemble(*((CELLS[state][0] * n, CELLS[state][1]) for state, n in runs))


def _figures(score: Score) -> Content:
    return line(
        (f"solved {score.solved} of {score.tried}".ljust(22), ""),
        ("P50 ", MUTED),
        right(duration(score.p50), _NUMBER - 2),
        ("   P95 ", MUTED),
        right(duration(score.p95), _NUMBER - 2),
    )


def _legend(live: Live, width: int) -> Content:
    """What the signs mean; as many as fit on a line."""
    pieces = [line(CELLS[state], (f" {word}", MUTED)) for state, word in WORDS.items()]
    whole = Content("   ").join(pieces)
    more = line(whole, (f"   one mark per {'trial' if live.trials > 1 else 'task'}", MUTED))
    return line(" " * LABEL, fitting([more, whole, Content("  ").join(pieces)], width - LABEL))


def look_lines(live: Live, width: int) -> list[Content]:
    """Which planned look was taken last, what it found, and when the next one is."""
    if not live.looked_at:
        return []
    label, taken, of = line(("looks".ljust(_SAID), MUTED)), len(live.looks), len(live.planned)
    following = f"after {plural(live.planned[taken], 'task')}" if taken < of else ""
    if not taken:
        told = f"{of} planned, the first {following}"
    else:
        begin = "ended at " if live.ended_at_look else ""
        told = f"{begin}{taken} of {of}, {live.looks[-1].words}"
        if live.ended_at_look:
            told += "; the other tasks are not needed"
        elif following and live.finished is None:
            told += f"; the next {following}"
    lines = labelled(label, line(told), width)
    if live.run > 1:
        said = f"run {live.run} of this fingerprint adds evidence; a look can only end it early"
        lines += labelled(line(" " * _SAID), line((said, MUTED)), width)
    if live.latency is not None:
        latency = line(("latency".ljust(_SAID), MUTED))
        lines += labelled(latency, line(live.latency.words), width)
    return lines


def _verdict(live: Live, width: int) -> list[Content]:
    """The gate over what there is, and what would decide it."""
    verdict, label = live.verdict, ("verdict so far".ljust(_SAID), MUTED)
    if verdict is None:
        return [line(label, ("◌ after the next finished task", MUTED))]
    word, style = VERDICTS[verdict.verdict.value]
    why = verdict.summary.partition(": ")[2]
    told = line((word, f"bold {style}"), (f"  {plain(why, 300)}", MUTED))
    lines = labelled(line(label), told, width)
    bars = [_towards(one, live, width) for one in verdict.criteria if one.needed]
    if verdict.decides and not bars:
        said = line(("still needed".ljust(_SAID), MUTED))
        lines += labelled(said, line(plain(verdict.decides, 300)), width)
    return lines + bars


def _towards(one: Criterion, live: Live, width: int) -> Content:
    """How far a criterion is on its way to a verdict, by what its rates so far ask for in all."""
    calls = one.name == P95_LATENCY
    have = live.score(live.arms[0]).tried if calls else live.tasks_done
    if calls and live.latency is not None:
        have = live.latency.calls
    whole = have + (one.needed or 0)
    told = f"{have:,} of about {whole:,} {'first calls' if calls else 'tasks'}"
    room = max(0, min(_MOST_TOWARDS, width - _SAID - max(_COUNTED, len(told)) - 2))
    filled = round(room * have / max(1, whole))
    drawn = line(("━" * filled, POOR), ("─" * (room - filled), "$rule"))
    return left(line((one.title.ljust(_SAID), MUTED), drawn, "  ", told), width)
