"""A server as a child process: a clean start, a clean stop, and nothing left behind.

``ServerProcess`` is the parent's side, ``run_server`` the child's. A child writes one JSON line to
its standard output, ``{"port": 40123}`` once it serves or ``{"error": "…", "remedy": "…"}`` when it
cannot, and ends when its standard input does. The same program started by a person prints words
instead and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import json
import os
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, TYPE_CHECKING, Self

from core.errors import EngineError
from core.files import make_private, open_state
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    Serve = Callable[[Callable[[int], None]], None]

_PARENT_CHECK_S = 1.0
_INTERRUPTED = 130
MOST_LOG_BYTES = 16 << 20


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
        limit_log()
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


def limit_log() -> None:
    """Let this process write no file, its log above all, beyond 16 MiB; further lines are lost.

    A model or a caller may make a server complain without end. Python ignores the signal that
    comes with the limit, so writing fails and the process goes on.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if hard == resource.RLIM_INFINITY or hard > MOST_LOG_BYTES:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_LOG_BYTES, hard))


class _Parent:
    """Reads JSON on standard output; whatever else is printed there goes to the log."""

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
    """Reads words."""

    def __init__(self, describe: Callable[[int], str]) -> None:
        self._describe = describe

    def ready(self, port: int) -> None:
        sys.stdout.write(self._describe(port) + "\n")
        sys.stdout.flush()

    def failed(self, error: EngineError) -> None:
        sys.stderr.write(f"error: {error.message}\n{error.remedy}\n")


_LOG_TAIL_BYTES = 4096
_LOG_TAIL_LINES = 8
_READY_LINE_LIMIT = 16_384


class ServerProcess:
    """A child that serves ``model`` at ``http://127.0.0.1:PORT/v1`` until it is stopped.

    The child runs ``[*command, "--child", "--port", PORT]`` in a session of its own, so a
    terminal's Ctrl-C reaches this process alone, and says when it is ready (see
    ``run_server``). It ends when this process does, however that comes about. ``start``
    blocks until the server answers; a second ``start`` after ``stop`` takes the same port.
    ``start``, ``stop`` and ``wait`` may be called from different threads.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        model: str,
        port: int = 0,
        log: Path | None = None,
        ready_timeout_s: float = 60.0,
    ) -> None:
        self.name = name
        self.model = model
        self.port = port
        self.log_path = log
        self._command = list(command)
        self._ready_timeout_s = ready_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The API's base URL; its port is 0 before the first ``start`` chose one."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is no child."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the child is running now."""
        process = self._process
        return process is not None and process.poll() is None

    def start(self) -> Self:
        """Start the child and return once it is ready.

        Raises:
            EngineError: It is running already, died, said why it cannot serve, or was not ready
                in time; the message ends with the last lines of its log.
        """
        if self.alive:
            raise EngineError(f"{self.name} is already running as process {self.pid}")
        with self._open_log() as log:
            process = self._process = self._spawn(log)
            assert process.stdout is not None
            with process.stdout:
                try:
                    self.port = self._await_ready(process)
                except EngineError as error:
                    self.stop()
                    message = _with_tail(error.message, _tail(log))
                    raise EngineError(message, remedy=error.remedy) from None
                except BaseException:
                    self.stop()
                    raise
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the child and all it started: SIGTERM, then SIGKILL after ``timeout_s``."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def wait(self) -> int:
        """Block until the child ends and return its exit status; 0 when there is no child."""
        process = self._process
        return process.wait() if process else 0

    def __enter__(self) -> Self:
        return self if self.alive else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [*self._command, "--child", "--port", str(self.port)],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that we ended
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"cannot start {self.name}: {error}") from error

    def _open_log(self) -> IO[bytes]:
        if self.log_path is None:
            return tempfile.TemporaryFile()
        try:
            make_private(self.log_path.parent)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            return os.fdopen(open_state(self.log_path, flags), "r+b", buffering=0)
        except OSError as error:
            raise EngineError(f"cannot write {self.name}'s log: {error}") from error

    def _await_ready(self, process: subprocess.Popen[bytes]) -> int:
        line = _first_line(process, self._ready_timeout_s)
        if line is None:
            raise EngineError(f"{self.name} was not ready within {self._ready_timeout_s:g} s")
        if not line:
            status = process.wait()
            ending = f"signal {-status}" if status < 0 else f"exit status {status}"
            raise EngineError(f"{self.name} ended with {ending} before it was ready")
        try:
            said = json.loads(line)
            if "error" in said:
                raise EngineError(plain(said["error"]), remedy=plain(said.get("remedy", "")))
            return int(said["port"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise EngineError(f"{self.name} said {plain(line, 200)!r} instead of ready") from None


def _first_line(process: subprocess.Popen[bytes], timeout_s: float) -> str | None:
    """The child's first line; empty when it closed its output before, None when time ran out."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    received = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in received and len(received) < _READY_LINE_LIMIT:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            received += chunk
    return received.partition(b"\n")[0].decode("utf-8", "replace")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        # The child leads its own group and is not reaped yet, so the number is still its own.
        # Systems differ in what they say of one that ended this very moment.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _tail(log: IO[bytes]) -> str:
    end = log.seek(0, os.SEEK_END)
    log.seek(max(0, end - _LOG_TAIL_BYTES))
    lines = plain_block(log.read().decode("utf-8", "replace")).strip().splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:])


def _with_tail(message: str, tail: str) -> str:
    return f"{message}\nlast lines of its log:\n{tail}" if tail else message
