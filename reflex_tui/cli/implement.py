"""``implement``: the patch loop on the user's files; asks before it runs and before it writes."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.harness.patchloop.edits import EditFormat
from core.implement.applied import apply_solution, take_back
from core.implement.command import words_of
from core.implement.files import place_of
from core.implement.task import Wanted, prepare
from core.implement.work import work
from core.plain import plain
from core.settings import load_settings
from core.stages import Stage
from reflex_tui.cli import implementing as told
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from core.implement.task import Solved, Task
    from core.settings import Settings

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
        print_json(told.document(solved, written=written))
    else:
        print(told.ending(solved, written=written))
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


def _worked(settings: Settings, task: Task, person: _Person) -> Solved:
    """The work to its end; told to stop, it ends the check and leaves all as it was."""

    async def working() -> Solved:
        this = asyncio.current_task()
        assert this is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, this.cancel)
        return await work(
            settings,
            task,
            on_before=lambda ran: person.tell(told.before(ran)),
            on_tried=lambda tried: person.tell(*told.tried(tried)),
        )

    try:
        solved = asyncio.run(working())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    for warning in solved.warnings:
        person.tell(f"warning: {warning}")
    return solved


def _written(settings: Settings, task: Task, solved: Solved, person: _Person) -> bool:
    person.show(told.diff(solved.diff))
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
    undone, warning = take_back(settings, place_of(settings).root)
    if warning:
        sys.stderr.write(f"warning: {plain(warning, 600)}\n")
    files = [change.path for change in undone.changes]
    if arguments.json:
        print_json({"undone": files, "call_id": undone.call_id})
    else:
        print(told.diff(told.reversal(undone.changes)))
        print(f"undone: {plain(', '.join(files), 2000) or 'nothing was left to undo'}")
    return 0
