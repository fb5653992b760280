"""The serving side of ``ServerProcess``: say when ready, and end when the parent does.

A child writes one JSON line to its standard output, ``{"port": 40123}`` once it serves or
``{"error": "…", "remedy": "…"}`` when it cannot, and takes the end of its standard input as its
own. The same program started by a person prints words instead and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import select
import socket
import sys
import threading
from typing import TYPE_CHECKING

from core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    Serve = Callable[[Callable[[int], None]], None]

_PARENT_CHECK_S = 1.0
_INTERRUPTED = 130


def add_child_arguments(parser: argparse.ArgumentParser, *, default_port: int) -> None:
    """Add what every server takes: ``--port``, and ``--child`` for ``ServerProcess``."""
    parser.add_argument("--port", type=int, default=default_port, help="default %(default)s")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)


def run_server(serve: Serve, *, child: bool, describe: Callable[[int], str]) -> int:
    """Run ``serve(on_ready)`` to its end and return the process's exit status.

    ``serve`` calls ``on_ready(port)`` once it answers on that port. ``describe(port)`` is the line
    that a person is shown then.
    """
    listener: _Parent | _Person = _Person(describe)
    if child:
        listener = _Parent()
        end_with_parent()
    try:
        serve(listener.ready)
    except EngineError as error:
        listener.failed(error)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def ensure_free(port: int) -> None:
    """Raise EngineError when somebody else listens on ``port`` of 127.0.0.1; 0 is always free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise port_unusable(port, error) from error


def port_unusable(port: int, error: OSError | OverflowError) -> EngineError:
    """The EngineError that says why ``port`` cannot be listened on."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        reason = f"port {port} on 127.0.0.1 is already in use"
    else:
        reason = f"cannot listen on port {port} of 127.0.0.1: {error}"
    return EngineError(reason, remedy="stop what listens there, or choose another --port")


def end_with_parent() -> None:
    """End this process when standard input ends, that is when the parent does, even by kill -9.

    A thread sees to it. As a library may hold the interpreter's lock for seconds while it loads
    a model, Linux is also asked for SIGIO, whose default there is to end the process at once.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        # A process forked by the parent may hold the pipe open after it: hence the second test.
        while os.getppid() == parent:
            readable, _, _ = select.select([0], [], [], _PARENT_CHECK_S)
            if readable and not os.read(0, 1):
                break
        os._exit(0)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


class _Parent:
    """Is told by JSON on standard output; whatever else is printed there goes to the log."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def ready(self, port: int) -> None:
        self._say({"port": port})

    def failed(self, error: EngineError) -> None:
        self._say({"error": error.message, "remedy": error.remedy})

    def _say(self, said: dict[str, object]) -> None:
        os.write(self._descriptor, json.dumps(said).encode() + b"\n")
        os.close(self._descriptor)


class _Person:
    """Is told in words."""

    def __init__(self, describe: Callable[[int], str]) -> None:
        self._describe = describe

    def ready(self, port: int) -> None:
        sys.stdout.write(self._describe(port) + "\n")
        sys.stdout.flush()

    def failed(self, error: EngineError) -> None:
        sys.stderr.write(f"error: {error.message}\n{error.remedy}\n")
