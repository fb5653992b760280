"""What ``implement`` prints: its progress, the diff, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.patchloop.diff import unified_diff
from core.patchloop.printed import gist
from core.patchloop.trial import FailureKind
from core.plain import plain, plain_block
from reflex_tui.cli.output import coloured, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.implement.command import Ran
    from core.implement.user_files import FileChange
    from core.implement.work import Solved, Tried

_FAILED = {
    FailureKind.TRANSPORT: "no reply",
    FailureKind.REFUSED: "the server refused it",
    FailureKind.TOO_LONG: "the prompt is over the context",
    FailureKind.BUSY: "the server is busy",
    FailureKind.TIMEOUT: "timed out",
    FailureKind.ONLY_REASONING: "only reasoning, no answer",
    FailureKind.FORMAT: "not in the format asked for",
    FailureKind.APPLY: "the edits do not apply",
    FailureKind.COMPILE: "it does not compile",
    FailureKind.UNCHANGED: "a copy of the files: nothing is changed",
    FailureKind.TEST: "the check fails",
}
_COLOURS = {"+": "green", "-": "red", "@": "dim"}
_MOST_SAID = 160


def before(ran: Ran) -> str:
    """How the check ended before any change."""
    if ran.passed:
        return "the check passes before any change"
    return f"the check fails before any change: {ran.ending}{_said(gist(ran.output))}"


def tried_lines(one: Tried) -> list[str]:
    """How one attempt ended, and which backends that rules out."""
    attempt, asked = one.attempt, one.asked
    who = f"{asked.backend} ({asked.reason})" if asked else "nobody"
    took = milliseconds(attempt.latency_ms)
    if attempt.failure is None:
        what = "the check passes"
    else:
        said = gist(attempt.detail) if attempt.failure is FailureKind.TEST else attempt.detail
        what = f"{_FAILED.get(attempt.failure, attempt.failure)}{_said(said)}"
    lines = [f"attempt {one.number}  {who}  {attempt.rung}  {took}  {what}"]
    lines += [
        f"{name} has reached max_failures for this task: it is not asked again"
        for name in sorted(one.given_up)
    ]
    return [plain(line, 600) for line in lines]


def comparing(most_s: float, *, can_skip: bool) -> str:
    """That a comparison may take a moment more."""
    end = "; Ctrl-C skips it" if can_skip else ""
    return f"comparing with reflex, which was given the task too: at most {most_s:g} s{end}"


def shadowed(solved: Solved) -> list[str]:
    """What came of giving the task to reflex as well; nothing where it was not."""
    found = solved.shadow
    if found is None:
        return []
    if found.problem:
        return [f"shadow: not compared with reflex: {found.problem}"]
    late = "" if found.in_time else " in time"
    would = "would have solved it too" if found.cloud_solved else "would have solved it"
    return [f"shadow: reflex {would if found.solved else f'would not have solved it{late}'}"]


def diff(text: str) -> str:
    """A unified diff as plain text, in colour where there is one."""
    return "\n".join(
        coloured(line, _COLOURS[line[0]])
        if line[:1] in _COLOURS and not line.startswith(("+++", "---"))
        else line
        for line in plain_block(text.rstrip("\n")).split("\n")
    )


def reversal(changes: Sequence[FileChange]) -> str:
    """The diff that undoing makes."""
    return "".join(
        unified_diff(one.path, _text(one.before), _text(one.after))[0] for one in changes
    )


def ending(solved: Solved, *, written: bool) -> str:
    """The last line: whether it is solved, by which model, and how to undo it."""
    count = len(solved.tried)
    attempts = f"{count} attempt{'s' if count != 1 else ''}"
    if solved.answer is None:
        why = f"; {plain(solved.left, 300)}" if solved.left else ""
        return coloured(f"✖ not solved after {attempts}", "red") + f"{why}; nothing was written"
    by = f"{solved.answer.backend} ({plain(solved.answer.model, 80)})"
    lines = f"{solved.lines_changed} lines changed"
    if not written:
        return coloured(f"▲ solved by {by}, but not written", "yellow")
    head = coloured(f"✓ solved by {by}", "green")
    return f"{head} after {attempts}, {lines}; undo with: code reflex implement --undo"


def document(solved: Solved, *, written: bool) -> dict[str, Any]:
    """What ``--json`` prints."""
    answer = solved.answer
    return {
        "solved": answer is not None,
        "written": written,
        "files": [change.path for change in solved.changes],
        "lines_changed": solved.lines_changed,
        "diff": solved.diff,
        "backend": answer and answer.backend,
        "mode": answer and answer.mode,
        "reason": answer and answer.reason,
        "model": answer and answer.model,
        "call_id": answer and answer.call_id,
        "run_id": solved.run_id,
        "check_before": {"passed": solved.before.passed, "status": solved.before.status},
        "attempts": [_attempt(one) for one in solved.tried],
        "nobody_left": solved.left or None,
        "shadow": solved.shadow and solved.shadow.as_json(),
        "warnings": list(solved.warnings),
    }


def _attempt(one: Tried) -> dict[str, Any]:
    asked = one.asked
    return {
        "attempt": one.number,
        "backend": asked and asked.backend,
        "mode": asked and asked.mode,
        "reason": asked and asked.reason,
        "model": asked and asked.model,
        "latency_ms": one.attempt.latency_ms,
        "failure": one.attempt.failure,
        "detail": one.attempt.detail,
        "rung": one.attempt.rung,
        "edit_format": one.attempt.edit_format,
        "diff": one.attempt.diff,
        "given_up": sorted(one.given_up),
    }


def _said(words: str) -> str:
    return f": {plain(words, _MOST_SAID)}" if words else ""


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace")
