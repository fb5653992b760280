"""``implement``: the patch loop on the user's files; asks before it runs and before it writes.

What ``implement`` says: its progress, the diff, how it ended.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.implement.command import gist, words_of
from core.implement.files import place_of
from core.implement.undo import apply_solution, undo_recorded
from core.implement.work import Wanted, prepare, work
from core.patchloop.diff import unified_diff
from core.patchloop.formats import EditFormat
from core.patchloop.trial import FailureKind
from core.plain import plain, plain_block
from core.settings import load_settings
from core.stages import Stage
from reflex_tui.cli.output import coloured, milliseconds, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from core.implement.command import Ran
    from core.implement.files import FileChange
    from core.implement.work import RepairTask, Solved, Tried
    from core.settings import Settings


_FAILED = {
    FailureKind.TRANSPORT: "no reply",
    FailureKind.TIMEOUT: "no reply in time",
    FailureKind.FORMAT: "not in the format asked for",
    FailureKind.APPLY: "the edits cannot be made",
    FailureKind.COMPILE: "it does not compile",
    FailureKind.UNCHANGED: "a copy of the files: nothing is changed",
    FailureKind.TEST: "the check fails",
}
_COLOURS = {"+": "green", "-": "red", "@": "dim"}
_MOST_SAID = 160


def before(ran: Ran) -> str:
    """How the check ended before any change."""
    if ran.passed:
        return "before any change the check passes already"
    return f"before any change the check fails: {ran.ending}{_said(gist(ran.output))}"


def tried_lines(one: Tried) -> list[str]:
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


def reversal(changes: Sequence[FileChange]) -> str:
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


_UNSOLVED = 1


def implement(arguments: argparse.Namespace) -> int:
    """0 solved and written, 1 not, 2 what cannot be worked on, 130 interrupted."""
    settings = load_settings(arguments.config)
    if arguments.undo:
        return _undo(settings, arguments)
    task = prepare(_wanted(arguments), place_of(settings))
    person = _Person(arguments)
    command = plain(shlex.join(task.wanted.check), 400)
    person.tell(
        f"check: {command}",
        "  it runs as you, not sandboxed, over what a model writes, on a copy of the repository",
    )
    if not person.agrees("Run it?"):
        person.tell("nothing was run, and nothing written")
        return _UNSOLVED
    solved = _worked(settings, task, person)
    written = bool(solved.changes) and _written(settings, task, solved, person)
    if arguments.json:
        print_json(document(solved, written=written))
    else:
        print(ending(solved, written=written))
    return 0 if written else _UNSOLVED


class _Person:
    """Whoever is asked: at the terminal, unless ``--yes`` has answered already."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._yes: bool = arguments.yes
        self._stream = sys.stderr if arguments.json else sys.stdout
        if not self._yes and not (sys.stdin and sys.stdin.isatty() and self._stream.isatty()):
            raise ConfigError(
                "there is no terminal to ask on before the check is run and files are written",
                remedy="With --yes it is done without asking; code reflex implement --undo goes "
                "back.",
            )

    def tell(self, *lines: str) -> None:
        """Say something about the work."""
        sys.stderr.write("".join(f"{plain(line, 600)}\n" for line in lines))
        sys.stderr.flush()

    def show(self, text: str) -> None:
        """Show what a question is about, or what is done without one."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def agrees(self, question: str) -> bool:
        """Whether the answer is yes."""
        if self._yes:
            return True
        self._stream.write(f"{plain(question, 600)} [y/N] ")
        self._stream.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _wanted(arguments: argparse.Namespace) -> Wanted:
    missing = [
        what
        for what, given in (
            ("PROMPT", (arguments.prompt or "").strip()),
            ("--file F", arguments.file),
            ("--check CMD", arguments.check),
        )
        if not given
    ]
    if missing:
        raise ConfigError(
            f"missing: {', '.join(missing)}",
            remedy="code reflex implement 'Round half up.' --file money.py --check 'pytest -q'",
        )
    return Wanted(
        prompt=arguments.prompt,
        names=tuple(arguments.file),
        check=words_of(arguments.check),
        check_timeout_s=arguments.check_timeout,
        also=tuple(arguments.also or ()),
        stage=Stage(arguments.stage),
        attempts=arguments.attempts,
        candidates=arguments.candidates,
        edit_format=EditFormat(arguments.edit_format),
    )


def _worked(settings: Settings, task: RepairTask, person: _Person) -> Solved:
    """The work to its end; told to stop, it ends the check and leaves all as it was."""

    async def working() -> Solved:
        this = asyncio.current_task()
        assert this is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, this.cancel)
        return await work(
            settings,
            task,
            on_before=lambda ran: person.tell(before(ran)),
            on_tried=lambda tried: person.tell(*tried_lines(tried)),
        )

    try:
        solved = asyncio.run(working())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    for warning in solved.warnings:
        person.tell(f"warning: {warning}")
    return solved


def _written(settings: Settings, task: RepairTask, solved: Solved, person: _Person) -> bool:
    person.show(diff(solved.diff))
    names = ", ".join(change.path for change in solved.changes)
    if not person.agrees(f"It passes. Write this to {names}?"):
        return False
    if warning := apply_solution(settings, task.place.root, solved):
        person.tell(f"warning: {warning}")
    return True


def _undo(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.prompt or arguments.file or arguments.check:
        raise ConfigError(
            "--undo stands alone: it takes back what was written last",
            remedy="code reflex implement --undo",
        )
    undone, warning = undo_recorded(settings, place_of(settings).root)
    if warning:
        sys.stderr.write(f"warning: {plain(warning, 600)}\n")
    files = [change.path for change in undone.changes]
    if arguments.json:
        print_json({"undone": files, "call_id": undone.call_id})
    else:
        print(diff(reversal(undone.changes)))
        print(f"undone: {plain(', '.join(files), 2000) or 'nothing was left to undo'}")
    return 0
