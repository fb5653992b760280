"""What happens in the demo by itself, within a minute and a half: healthy, failing, back, measured.

``STEPS`` says when and what; ``Story`` does it beside the dashboard and tells it. Nothing is
pretended: the engine's process is really stopped and continued, and a bakeoff is really run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from core.files import open_state
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TASKS = "b*"
"""The few tasks of the bakeoff that the story ends with."""
_GRACE_S = 3.0
_SLACK_S = 4.0
"""Until the first call of a hanging engine begins."""


class Act(StrEnum):
    """What a step does."""

    TELL = "tell"
    HOLD = "hold"
    CONTINUE = "continue"
    BAKEOFF = "bakeoff"


@dataclass(frozen=True, slots=True)
class Beat:
    """A step of the story: when (s after the dashboard opened), what is done, what is said."""

    at_s: float
    act: Act
    words: str


_HANGS_S = 22.0
BEATS = (
    Beat(5, Act.TELL, "Healthy: reflex answers the Implement calls, the cloud the others."),
    Beat(
        22,
        Act.HOLD,
        "The engine hangs now. Calls time out, are tried again, and fall back to the cloud.",
    ),
    Beat(
        22 + _HANGS_S,
        Act.CONTINUE,
        "The engine answers again. One call tries it, and reflex takes over.",
    ),
    Beat(64, Act.BAKEOFF, "A bakeoff of a few tasks is running: press 3 to watch it."),
    Beat(88, Act.TELL, "That was the tour. The demo goes on until you press q."),
)


def beats_for(timeout_ms: float, failures: int) -> tuple[Beat, ...]:
    """``BEATS``, the engine held for as long as ``failures`` calls in a row take to time out.

    On a slow machine calls are given longer, and the story takes that much longer too.
    """
    longer_s = max(0.0, failures * timeout_ms / 1000 + _SLACK_S - _HANGS_S)
    held = next(number for number, beat in enumerate(BEATS) if beat.act is Act.HOLD)
    return tuple(
        replace(beat, at_s=beat.at_s + longer_s * (number > held))
        for number, beat in enumerate(BEATS)
    )


class Story:
    """Plays ``beats`` from a thread while it is entered; leaving undoes what is still in force.

    ``say`` is told the words; ``engine_pid`` leads the engine's process group.
    """

    def __init__(
        self,
        engine_pid: int,
        config: Path,
        log: Path,
        *,
        say: Callable[[str], object],
        beats: Sequence[Beat] = BEATS,
    ) -> None:
        self._pid = engine_pid
        self._config, self._log = config, log
        self._say = say
        self._beats = beats
        self._stopping = threading.Event()
        self._bakeoff: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._play, name="reflex-demo-story", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        # Stopped it would not hear that it is to end.
        self._signal(signal.SIGCONT)
        if self._bakeoff is not None:
            _end(self._bakeoff)

    def _play(self) -> None:
        before_s = 0.0
        for beat in self._beats:
            if self._stopping.wait(beat.at_s - before_s):
                return
            before_s = beat.at_s
            match beat.act:
                case Act.HOLD:
                    self._signal(signal.SIGSTOP)
                case Act.CONTINUE:
                    self._signal(signal.SIGCONT)
                case Act.BAKEOFF:
                    self._bakeoff = start_bakeoff(self._config, self._log)
                case Act.TELL:
                    pass
            with contextlib.suppress(RuntimeError):  # the dashboard has just been left
                self._say(beat.words)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)


def start_bakeoff(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """A bakeoff of a few tasks in a process group of its own; what it prints goes to ``log``."""
    descriptor = open_state(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as output:
        return subprocess.Popen(
            [
                *python_module("reflex_tui"),
                *("bakeoff", "--config", str(config), "--tasks", TASKS),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would, so that its servers and sandboxes end with it; then without asking."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            continue
        return
