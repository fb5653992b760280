"""What ``implement`` says: its progress, the diff, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.harness.gate.trial import FailureKind
from core.harness.patchloop.edits.diff import unified_diff
from core.implement.feedback import gist
from core.plain import plain, plain_block
from reflex_tui.cli.output import coloured, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.implement.command import Ran
    from core.implement.task import Solved, Tried
    from core.implement.writing import Change

_FAILED = {
    FailureKind.TRANSPORT: "no reply",
    FailureKind.TIMEOUT: "no reply in time",
    FailureKind.FORMAT: "not the JSON asked for",
    FailureKind.APPLY: "the edits cannot be made",
    FailureKind.COMPILE: "it does not compile",
    FailureKind.TEST: "the check fails",
}
_COLOURS = {"+": "green", "-": "red", "@": "dim"}
_MOST_SAID = 160


def before(ran: Ran) -> str:
    """How the check ended before any change."""
    if ran.passed:
        return "before any change the check passes already"
    return f"before any change the check fails: {ran.ending}{_said(gist(ran.output))}"


def tried(one: Tried) -> list[str]:
    """One attempt's end, and whom that rules out."""
    attempt, asked = one.attempt, one.asked
    who = f"{asked.backend} ({asked.reason})" if asked else "nobody"
    took = milliseconds(attempt.latency_ms)
    if attempt.failure is None:
        what = "the check passes"
    else:
        said = gist(attempt.detail) if attempt.failure is FailureKind.TEST else attempt.detail
        what = f"{_FAILED.get(attempt.failure, attempt.failure)}{_said(said)}"
    lines = [f"attempt {one.number}  {who}  {took}  {what}"]
    lines += [
        f"{name} has failed this task as often as it may (max_failures): it is not asked again"
        for name in sorted(one.given_up)
    ]
    return [plain(line, 600) for line in lines]


def diff(text: str) -> str:
    """A unified diff as plain text, in colour where there is one."""
    return "\n".join(
        coloured(line, _COLOURS[line[0]])
        if line[:1] in _COLOURS and not line.startswith(("+++", "---"))
        else line
        for line in plain_block(text.rstrip("\n")).split("\n")
    )


def reversal(changes: Sequence[Change]) -> str:
    """The diff of changes that are no longer at hand as one."""
    return "".join(
        unified_diff(one.path, _text(one.before), _text(one.after))[0] for one in changes
    )


def ending(solved: Solved, *, written: bool) -> str:
    """The last line: whether it is solved, by whom, and the way back."""
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
    return f"{head} after {attempts}, {lines}; the way back: code reflex implement --undo"


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
        "given_up": sorted(one.given_up),
    }


def _said(words: str) -> str:
    return f": {plain(words, _MOST_SAID)}" if words else ""


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace")
