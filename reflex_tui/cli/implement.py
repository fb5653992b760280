"""``implement``: the patch loop on the user's files; asks before it runs and before it writes."""

from __future__ import annotations

import shlex
import signal
import sys
from typing import TYPE_CHECKING

from core.plain import plain
from core.stages import EDIT_FORMATS, Stage
from reflex_tui.cli.kinds import from_one, positive
from reflex_tui.cli.output import print_json
from reflex_tui.cli.parser import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from core.implement.work import RepairTask, Solved, Wanted
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_USAGE = """\
%(prog)s PROMPT --file F [F ...] --check CMD [option ...]
       %(prog)s --undo"""
_DESCRIPTION = """\
Edit files until a check passes, each attempt routed; asks before writing.

The check is your own command. It runs as you, without a sandbox, on a copy of the repository (what
git tracks or does not ignore) that holds the model's edits. You are asked before it first runs, and
shown the diff before any file of yours is written. --yes agrees to both; without a terminal to ask
on it is needed."""


def add(commands: Commands) -> None:
    """Declare the command."""
    implement = commands.add(
        "implement",
        run,
        "implement 'Round half up, also below zero.' --file money.py --check 'pytest -q'",
        "implement 'Reject an empty name.' --file a.c b.c --check \"make CFLAGS='-O0 -g' test\"",
        "implement 'Fix the parser.' --file p.py --check 'make test' --yes --json",
        "implement --undo",
    )
    implement.usage = _USAGE
    implement.description = _DESCRIPTION
    add = implement.add_argument
    add("prompt", nargs="?", metavar="PROMPT", help="the task; before --file")
    add(
        "--file",
        action="extend",
        nargs="+",
        metavar="F",
        help="a file to edit; the model sees these files and no others",
    )
    add(
        "--check",
        metavar="CMD",
        help="the command that ends with 0 when the task is done; no shell is started: for shell "
        "syntax write \"sh -c '…'\"",
    )
    add(
        "--check-timeout",
        type=positive,
        default=300.0,
        metavar="SECONDS",
        help="timeout of a check, which then has failed (default: 300)",
    )
    add(
        "--also",
        action="append",
        metavar="PATH",
        help="a file or directory that git ignores and the check needs: it is copied too; "
        "may be repeated (.venv, venv and node_modules are linked anyway)",
    )
    add(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="the stage; all but implement go to the cloud (default: %(default)s)",
    )
    add(
        "--attempts",
        type=from_one,
        metavar="N",
        help="limit on all attempts (default: max_failures for each backend)",
    )
    add(
        "--candidates",
        type=from_one,
        metavar="N",
        help="parallel replies per local call (default: candidates of [reflex])",
    )
    add(
        "--edit-format",
        choices=EDIT_FORMATS,
        help="format of the edits (default: edit_format of [reflex])",
    )
    add("--yes", action="store_true", help="run the check and write without asking")
    add("--undo", action="store_true", help="undo the last change")


_UNSOLVED = 1


def run(arguments: argparse.Namespace) -> int:
    """0 solved and written, 1 not, 2 unusable files or options, 130 interrupted."""
    from core.implement.user_files import place_of
    from core.implement.work import prepare
    from core.settings import load_settings
    from reflex_tui.cli.implement_text import document, ending

    settings = load_settings(arguments.config)
    if arguments.undo:
        return _undo(settings, arguments)
    task = prepare(settings, _wanted(arguments), place_of(settings))
    person = _Person(arguments)
    command = plain(shlex.join(task.wanted.check), 400)
    person.tell(
        f"check: {command}",
        "  it runs as you, without a sandbox, on a copy of the repository with the model's edits",
    )
    if not person.agrees("Run it?"):
        person.tell("nothing was run or written")
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
        self._shown = ""
        if not self._yes and not (sys.stdin and sys.stdin.isatty() and self._stream.isatty()):
            raise UsageError(
                "no terminal to ask on before the check runs and files are written",
                remedy="--yes does both without asking; undo with: code reflex implement --undo",
            )

    def tell(self, *lines: str) -> None:
        """Say something about the work."""
        sys.stderr.write("".join(f"{plain(line, 600)}\n" for line in lines))
        sys.stderr.flush()

    def show(self, text: str) -> None:
        """Show what a question is about, or what is done without one; the same only once."""
        if text == self._shown:
            return
        self._shown = text
        self._stream.write(f"{text}\n")
        self._stream.flush()

    @property
    def is_asked(self) -> bool:
        """Whether questions are asked; False: ``--yes`` has answered all."""
        return not self._yes

    def agrees(self, question: str) -> bool:
        """Whether the answer is yes."""
        if self._yes:
            return True
        self._stream.write(f"{plain(question, 600)} [y/N] ")
        self._stream.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _wanted(arguments: argparse.Namespace) -> Wanted:
    from core.implement.command import words_of
    from core.implement.work import Wanted
    from core.patchloop.formats import EditFormat

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
        raise UsageError(
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
        edit_format=EditFormat(arguments.edit_format) if arguments.edit_format else None,
    )


def _worked(settings: Settings, task: RepairTask, person: _Person) -> Solved:
    """The work to its end; when it is stopped it ends the check and leaves all as it was."""
    import asyncio

    from core.implement.work import work
    from reflex_tui.cli.implement_text import before, comparing, diff, shadowed, tried_lines

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
            on_comparing=compare,
        )

    def compare(found: str, most_s: float, skip: Callable[[], None]) -> None:
        if found:
            person.show(diff(found))
        # Whoever is asked before anything is written may want the answer all the same.
        if person.is_asked:
            loop = asyncio.get_running_loop()
            signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(skip))
        person.tell(comparing(most_s, can_skip=person.is_asked))

    before_it, interrupted = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        solved = asyncio.run(working())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGTERM, before_it)  # the loop leaves none behind
        signal.signal(signal.SIGINT, interrupted)
    person.tell(*shadowed(solved))
    for warning in solved.warnings:
        person.tell(f"warning: {warning}")
    return solved


def _written(settings: Settings, task: RepairTask, solved: Solved, person: _Person) -> bool:
    from core.implement.undo import apply_solution
    from reflex_tui.cli.implement_text import diff

    person.show(diff(solved.diff))
    names = ", ".join(change.path for change in solved.changes)
    if not person.agrees(f"It passes. Write this to {names}?"):
        return False
    if warning := apply_solution(settings, task.place.root, solved):
        person.tell(f"warning: {warning}")
    return True


def _undo(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.prompt or arguments.file or arguments.check:
        raise UsageError(
            "--undo takes no task: it undoes the last change",
            remedy="code reflex implement --undo",
        )
    from core.implement.undo import undo_recorded
    from core.implement.user_files import place_of
    from reflex_tui.cli.implement_text import diff, reversal

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
