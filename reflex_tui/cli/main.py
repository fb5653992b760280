"""The entry points, and how an error becomes one clear line and an exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from core.errors import NoHome, ReflexError
from core.plain import plain, plain_block, plain_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM
_UNUSABLE = 2
_MOST_SHOWN = 2000


def code() -> NoReturn:
    """``code``: ours when the first word is ``reflex``, else the next ``code`` on PATH."""
    if sys.argv[1:2] != ["reflex"]:
        from reflex_tui.cli.passthrough import pass_through  # rarely needed

        pass_through(sys.argv[1:])
    _run_and_exit(sys.argv[2:], "code reflex")


def speckit_reflex() -> NoReturn:
    """``speckit-reflex``: the same without the name that an editor also has."""
    _run_and_exit(sys.argv[1:], "speckit-reflex")


def reflex_tui() -> NoReturn:
    """``reflex-tui``: straight to the dashboard."""
    _run_and_exit(["tui", *sys.argv[1:]], "speckit-reflex")


def _run_and_exit(argv: Sequence[str], prog: str) -> NoReturn:
    """Run one command line as this process's work, and end with its status."""
    _collect_garbage_seldom()
    sys.exit(run(argv, prog))


def _collect_garbage_seldom() -> None:
    """Have Python look for garbage seldom: what a command loads and reads mostly stays.

    Its own thresholds take a tenth of a command's time over 100,000 events.
    """
    gc.set_threshold(50_000, 10, 10)


def run(argv: Sequence[str], prog: str) -> int:
    """Run one command line; returns its exit status (0, 1, 2, 3 or 130).

    Raises:
        SystemExit: with 143, on SIGTERM; with 0, after ``--help`` or ``--version``.
    """
    as_json = "--json" in argv
    try:
        _prepare_streams()
        with _ending_on_sigterm():
            status = _run(argv, prog)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `… | head` has seen enough
        _write_no_more()
        return 0
    except ReflexError as error:
        return _report(error, as_json=as_json)
    except OSError as error:  # of the machine and no bug of ours: a full disk, a limit reached
        return _report(_of_the_machine(error), as_json=as_json)
    except RuntimeError as error:  # pathlib's and platformdirs', for a user without a home
        if "home directory" not in str(error):
            raise
        return _report(_no_home(), as_json=as_json)
    return status


def _run(argv: Sequence[str], prog: str) -> int:
    from reflex_tui.cli.parser import build_parser  # pass-through skips it

    parser = build_parser(prog, argv)
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "handler"):
        parser.print_help()
        return 0
    return int(arguments.handler(arguments))


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends a command in order, and ends it also as a container's first process.

    The kernel drops a signal that the first process has no handler for. A command that has more
    to do when it is stopped puts a handler of its own in this one's place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)


def _prepare_streams() -> None:
    """What a terminal cannot show is replaced; a stream that was closed swallows all."""
    if sys.stdout is None or sys.stderr is None:
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  until the end
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _write_no_more() -> None:
    """Let what is still to be written go nowhere, as Python tries it again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_failed() -> bool:
    """Whether standard output takes no more; if so, nothing further is written to it."""
    try:
        sys.stdout.flush()
    except OSError:
        _write_no_more()
        return True
    return False


class _Machine(ReflexError):
    code = "machine"
    exit_code = _UNUSABLE


def _of_the_machine(error: OSError) -> ReflexError:
    """Names what failed: a file, or standard output, for which the kernel has no name."""
    told = error.strerror or str(error)
    if error.filename is not None:
        told = f"{plain(error.filename, 300)}: {told}"
    elif _output_failed():
        told = f"standard output cannot be written: {told}"
    return _Machine(plain(told, 600))


def _no_home() -> ReflexError:
    return NoHome(
        "there is no home directory: this user has no entry in the passwd file and no $HOME",
        remedy="Set HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME and XDG_CACHE_HOME.",
    )


def _report(error: ReflexError, *, as_json: bool) -> int:
    """Say what happened, on standard error and with ``--json`` on standard output too."""
    if as_json:
        document = {"code": error.code, "message": error.message, "do": error.remedy}
        try:
            print(plain_json({"error": document}), flush=True)
        except OSError:  # standard output is what failed
            _write_no_more()
    sys.stderr.write(f"error: {plain(error.message, _MOST_SHOWN)}\n")
    if error.remedy:
        sys.stderr.write(f"{plain_block(error.remedy)}\n")
    return error.exit_code
