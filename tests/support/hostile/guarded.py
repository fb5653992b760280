"""Runs command lines one after another in one process that notes whatever leaves this machine.

Run as ``python -m tests.support.hostile.guarded``; reads a JSON list of command lines on standard
input and writes a JSON list of what became of each.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.hostile.short import FULL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST_S = 60
# Reserved for documentation, and the port for what is to be discarded.
_NOBODY = ("192.0.2.1", 9)

_OUTWARD = {
    "socket.connect": lambda args: args[1],
    "socket.sendto": lambda args: args[1],
    "socket.sendmsg": lambda args: args[1],
    "socket.getaddrinfo": lambda args: args[0],
    "socket.gethostbyname": lambda args: args[0],
    "socket.gethostbyaddr": lambda args: args[0],
}


@dataclass(frozen=True)
class Ended:
    """How a command line ended; ``outward`` is every address off loopback that it tried.

    ``seconds`` is the processor's time: what else runs on the machine does not count.
    """

    argv: list[str]
    status: int | None
    out: str
    err: str
    seconds: float
    outward: list[str]

    @property
    def told(self) -> str:
        """What it wrote, to either stream."""
        return self.out + self.err


@dataclass(frozen=True)
class Line:
    """A command line, where it is typed, in which environment, and whether on a terminal."""

    argv: list[str]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    terminal: bool = False


def guarded(lines: Sequence[Line]) -> list[Ended]:
    """What becomes of each of the command lines; a crash has the status None."""
    coded = [
        ([_hex(word) for word in line.argv], _hex(str(line.cwd)), line.env, line.terminal)
        for line in lines
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile.guarded"],
        input=json.dumps(coded),
        capture_output=True,
        text=True,
        check=True,
        timeout=1500 if FULL else 240,
    )
    return [Ended(**one) for one in json.loads(done.stdout)]


def _hex(word: str) -> str:
    return os.fsencode(word).hex()


def main() -> None:
    """Run what standard input says."""
    outward: list[str] = []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and _asks_for_a_route(*args):
            return
        if event in _OUTWARD and not _at_home(_OUTWARD[event](args)):
            outward.append(f"{event} {_OUTWARD[event](args)!r}")

    sys.addaudithook(watch)
    signal.signal(signal.SIGALRM, _too_long)
    from core.harness.sandbox import selftest  # under the guard's eyes, as all that follows
    from reflex_tui.cli.main import run
    from tests.support.sandbox.known import attack_once

    selftest.attack = attack_once

    ended = []
    before = dict(os.environ)
    for coded, cwd, env, terminal in json.load(sys.stdin):
        argv = [os.fsdecode(bytes.fromhex(one)) for one in coded]
        os.chdir(bytes.fromhex(cwd))
        os.environ.update(env)
        outward.clear()
        out, err = _Stream(terminal), _Stream(terminal)
        signal.alarm(_MOST_S)
        started = time.process_time()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = _status(run, argv)
        seconds = time.process_time() - started
        signal.alarm(0)
        for name in env:
            os.environ.pop(name)
        os.environ.update(before)
        shown = [os.fsencode(one).decode(errors="replace") for one in argv]
        ended.append(Ended(shown, status, out.text(), err.text(), seconds, list(outward)).__dict__)
    print(json.dumps(ended))  # noqa: T201


class _Stream(io.TextIOWrapper):
    """A stream like a terminal's: encodes what it is given, and can be set to replace."""

    def __init__(self, terminal: bool) -> None:  # noqa: FBT001
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


class TookTooLongError(BaseException):
    """The command did not end."""


def _too_long(*_: object) -> None:
    raise TookTooLongError


def _status(run: Any, argv: list[str]) -> int | None:
    try:
        return int(run(argv, "code reflex"))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  what a user would see as a traceback
        traceback.print_exc()
        return None


def _asks_for_a_route(connecting: socket.socket, address: Any) -> bool:
    """How the sandbox's self-test learns this machine's own address: nothing is sent by it."""
    return connecting.type is socket.SOCK_DGRAM and address == _NOBODY


def _at_home(address: Any) -> bool:
    host = address[0] if isinstance(address, tuple) else address
    if not isinstance(address, tuple) and isinstance(host, str | bytes) and not _is_name(host):
        return True
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(os.fsdecode(host)).is_loopback
    except ValueError:
        return False


def _is_name(host: str | bytes) -> bool:
    """Whether it is a host's name or address, and no path of a local socket."""
    return not os.fsdecode(host).startswith(("/", "\0"))


if __name__ == "__main__":
    main()
