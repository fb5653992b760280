"""Runs one command line: to its end, or until it is seen to work and then with Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.command import reflex

if TYPE_CHECKING:
    from tests.docs.play.tables import Lasting

_PATIENCE_S = 120
_STOPPING_S = 20
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|.)"
)
_QUESTION = b"[y/N] "
_ROWS, _COLUMNS = 40, 120


class Unlike(AssertionError):
    """A command did not do what its page promises."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit status, and all that was written, stdout and stderr as they came."""

    status: int
    output: str


class Shell:
    """A line under way in a shell of its own, its output and terminal at our end."""

    def __init__(self, script: str, here: Path, *, on_terminal: bool, shell: str = "bash") -> None:
        if on_terminal:
            self._fd, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", _ROWS, _COLUMNS, 0, 0))
        else:
            self._fd, theirs = os.pipe()
        options = ["-o", "pipefail"] if shell == "bash" else []
        self._process = subprocess.Popen(
            [shell, *options, "-c", script],
            cwd=here,
            stdin=theirs if on_terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._is_terminal = on_terminal
        self._seen = b""
        self._answered = 0

    @property
    def output(self) -> str:
        """What was written until now, without the terminal's escapes."""
        text = self._seen.decode(errors="replace").replace("\r\n", "\n")
        return _ESCAPES.sub("", text)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in the output.

        Raises:
            Unlike: It ended without, or took too long.
        """
        until = time.monotonic() + _PATIENCE_S
        while not (found := re.search(pattern, self.output)):
            if not self._read(until):
                self.stop()
                raise Unlike(f"{pattern!r} was not written, but:\n{self.output}")
        return found

    def stop(self) -> Ended:
        """Send SIGINT to all of it, as Ctrl-C does, and wait for the end; at worst kill it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        return self.end(_STOPPING_S)

    def end(self, patience_s: float = _PATIENCE_S) -> Ended:
        """Read to the end, and say yes to what is asked."""
        until = time.monotonic() + patience_s
        while self._read(until):
            if self._is_terminal and self._seen[self._answered :].endswith(_QUESTION):
                self._answered = len(self._seen)
                os.write(self._fd, b"y\n")
        try:
            status = self._process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise Unlike(f"it does not end:\n{self.output}") from None
        finally:
            os.close(self._fd)
        return Ended(status, self.output)

    def _read(self, until: float) -> bool:
        """Whether more may come."""
        if not select.select([self._fd], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        try:
            chunk = os.read(self._fd, 65536)
        except OSError:  # Linux's way to say that the other side of a terminal is gone
            chunk = b""
        self._seen += chunk
        return bool(chunk)


def needs_no_shell(command: str) -> bool:
    """Whether it is our command, its options and names of files, at most with a pipe to jq."""
    ours, _, _ = command.partition(" | jq ")
    return bool(re.match(r"(code reflex|speckit-reflex) ", ours)) and not re.search(
        r"[|<>$`;&\n]", ours
    )


def within(command: str, here: Path) -> Ended:
    """Run a line that needs no shell in this process, which is spared another one's start."""
    command, _, filtered = command.partition(" | ")
    words: list[str] = []
    for word in shlex.split(command):
        is_pattern = "*" in word and f"'{word}'" not in command
        found = (
            sorted(str(path.relative_to(here)) for path in here.glob(word)) if is_pattern else []
        )
        words += found or [str(Path(word).expanduser()) if word.startswith("~") else word]
    ours = words[2:] if words[0] == "code" else words[1:]
    done = reflex(here, *ours)
    if filtered:
        piped = subprocess.run(
            shlex.split(filtered), input=done.stdout, capture_output=True, text=True, check=False
        )
        return Ended(done.returncode or piped.returncode, piped.stdout + piped.stderr)
    return Ended(done.returncode, done.stdout + done.stderr)


def answers(url: str) -> None:
    """Wait until something speaks HTTP there, if only to refuse.

    Raises:
        Unlike: Nothing does.
    """
    until = time.monotonic() + _STOPPING_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=_STOPPING_S).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError as error:
            if time.monotonic() < until:  # the dashboard's server says its address beforehand
                time.sleep(0.1)
                continue
            raise Unlike(f"{url} does not answer: {error}") from error
        return


def seen_to_work(shell: Shell, kind: Lasting) -> Ended:
    """Wait for what it says, call where it says it listens, and end it."""
    said = shell.wait_for(kind.says)
    try:
        if said.re.groups:
            answers(said[1] + kind.path)
    finally:
        ended = shell.stop()
    return ended


def compare(shown: tuple[str, ...], output: str) -> None:
    """What the page shows comes in that order, apart from times.

    Raises:
        Unlike: A line is not there.
    """
    rest = [_loose(line) for line in output.splitlines()]
    for line in shown:
        wanted = _loose(line)
        if wanted not in rest:
            raise Unlike(f"the page shows {line!r}, but there was:\n{output}")
        rest = rest[rest.index(wanted) + 1 :]


def _loose(line: str) -> str:
    line = re.sub(r"[\d.,]+ (ms|s)\b", r"# \1", line)
    return " ".join(line.split())
