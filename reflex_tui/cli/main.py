"""The entry points, and how an error becomes one clear line and an exit status."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from core.errors import ReflexError
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM
_UNUSABLE = 2
_MOST_SHOWN = 2000


def code() -> NoReturn:
    """``code``: ours when the first word is ``reflex``, else the next ``code`` on PATH."""
    if sys.argv[1:2] != ["reflex"]:
        from reflex_tui.cli.passthrough import pass_through  # rarely needed

        pass_through(sys.argv[1:])
    sys.exit(run(sys.argv[2:], "code reflex"))


def speckit_reflex() -> NoReturn:
    """``speckit-reflex``: the same without the name that an editor also has."""
    sys.exit(run(sys.argv[1:], "speckit-reflex"))


def reflex_tui() -> NoReturn:
    """``reflex-tui``: straight to the dashboard."""
    sys.exit(run(["tui", *sys.argv[1:]], "speckit-reflex"))


def run(argv: Sequence[str], prog: str) -> int:
    """Run one command line; returns its exit status (0, 1, 2, 3 or 130)."""
    as_json = False
    try:
        signal.signal(signal.SIGTERM, _terminate)
        _prepare_streams()
        if list(argv) == ["tui"]:  # a parser would hold up the first picture by 10 ms
            from reflex_tui.cli.tui import open_dashboard  # one command of many

            return open_dashboard(None)
        from reflex_tui.cli.parser import build_parser  # pass-through skips it

        arguments = build_parser(prog, argv).parse_args(argv)
        as_json = getattr(arguments, "json", False)
        status = int(arguments.handler(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `… | head` has seen enough
        _write_no_more()
        return 0
    except ReflexError as error:
        _report(error, as_json=as_json)
        return error.exit_code
    except OSError as error:  # of the machine and no bug of ours: a full disk, a limit reached
        _write_no_more()
        sys.stderr.write(f"error: {plain(error, 600)}\n")
        return _UNUSABLE
    return status


def _terminate(*_: object) -> NoReturn:
    """SIGTERM ends a command in order, and ends it also as a container's first process.

    The kernel drops a signal that the first process has no handler for.
    """
    raise SystemExit(TERMINATED)


def _prepare_streams() -> None:
    """What a terminal cannot show is replaced; a stream that was closed swallows all."""
    if sys.stdout is None or sys.stderr is None:
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  until the end
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: ReflexError, *, as_json: bool) -> None:
    if as_json:
        from reflex_tui.cli.output import print_json

        print_json({"error": {"code": error.code, "message": error.message, "do": error.remedy}})
    sys.stderr.write(f"error: {plain(error.message, _MOST_SHOWN)}\n")
    if error.remedy:
        sys.stderr.write(f"{plain_block(error.remedy)}\n")
