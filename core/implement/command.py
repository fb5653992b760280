"""The user's own command, run to its end or its limit, and nothing of it left behind.

Its output is made neutral for a model by ``core.patchloop.printed``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_HEAD, _TAIL = 16 << 10, 48 << 10
_TO_END_S = 2.0
_END_OF_OUTPUT_S = 0.5
# Words that mean something to a shell alone.
_SHELL = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1"})


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended; ``status`` is None when it was stopped at its limit.

    ``output`` is what it wrote to both streams, the middle left out where it is long.
    """

    status: int | None
    output: str

    @property
    def passed(self) -> bool:
        """It ended with 0."""
        return self.status == 0

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.status is None:
            return "stopped at its time limit"
        return f"exit {self.status}" if self.status >= 0 else f"ended by signal {-self.status}"


def words_of(text: str) -> tuple[str, ...]:
    """A command line's words, as a POSIX shell would split them; no shell ever sees them.

    Raises:
        ConfigError: There are none, a quote is open, or it is meant for a shell.
    """
    wish = "For a shell's syntax write: --check \"sh -c '…'\""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"--check: {plain(error)}", remedy=wish) from None
    if not words or not words[0] or "\0" in text:
        raise ConfigError("--check: a command is needed", remedy="For example: --check 'pytest -q'")
    for word in words:
        if word in _SHELL or (word == words[0] and "=" in word):
            raise ConfigError(
                f"--check: {plain(word, 40)!r} is for a shell, and none is started", remedy=wish
            )
    return words


async def run(
    words: Sequence[str], *, cwd: Path, environ: Mapping[str, str], limit_s: float
) -> Ran:
    """Run ``words`` in a session of its own, without input, for at most ``limit_s`` seconds.

    When this returns, raises or is cancelled, its process group is gone.

    Raises:
        ConfigError: It cannot be started.
    """
    kept = _KeptOutput()
    read, write = os.pipe()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: kept, os.fdopen(read, "rb", buffering=0))
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=cwd,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = plain(getattr(error, "strerror", None) or error)
            raise ConfigError(
                f"--check: {plain(words[0], 200)!r} cannot be started: {reason}",
                remedy="It is run on a copy without files that git ignores; --also PATH adds some.",
            ) from None
        finally:
            os.close(write)
        status = await _ended(process, limit_s)
        # What it started may hold its output open after it: that is gone by now, or has left.
        await asyncio.wait({kept.closed}, timeout=_END_OF_OUTPUT_S)
    finally:
        transport.close()
    return Ran(status, kept.text)


async def _ended(process: asyncio.subprocess.Process, limit_s: float) -> int | None:
    """Its exit status, or None at the limit; SIGTERM first, then SIGKILL."""
    try:
        async with asyncio.timeout(limit_s):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        try:
            if process.returncode is None:
                _signal(process, signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _TO_END_S)
        finally:
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The whole group, also after its leader's end: a child may be left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _KeptOutput(asyncio.Protocol):
    """The beginning and the end of what comes through a pipe."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._left_out = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        room = _HEAD - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > _TAIL:
            self._left_out = True
            del self._tail[:-_TAIL]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def text(self) -> str:
        gap = b"\n[...]\n" if self._left_out else b""
        return bytes(self._head + gap + self._tail).decode(errors="replace")
