"""The thread that asks ``nvidia-smi`` how busy the graphics card is, where there is one."""

from __future__ import annotations

import shutil
import subprocess

from reflex_tui.watch.announcements import GpuSeen
from reflex_tui.watch.watcher import Post, Watcher

LOOK_EVERY_S = 5.0
_PATIENCE_S = 4.0
_MOST_CARDS = 8
_MOST_CHARS = 4000
_QUERY = (
    "--query-gpu=utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)


class GpuWatcher(Watcher):
    """Posts ``GpuSeen`` every few seconds; ends at once where there is no ``nvidia-smi``."""

    def __init__(self, post: Post) -> None:
        super().__init__("gpu", post)

    def watch(self) -> None:
        """Ask, wait, ask again; a card that cannot be asked is not shown, and not asked again."""
        program = shutil.which("nvidia-smi")
        while program and not self._stopping.is_set():
            told = _asked(program)
            if told is None:
                return
            self._post(GpuSeen(gpu_words(told)))
            self._stopping.wait(LOOK_EVERY_S)


def _asked(program: str) -> str | None:
    try:
        found = subprocess.run(
            [program, *_QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout[:_MOST_CHARS].decode("utf-8", "replace")


def gpu_words(told: str) -> str:
    """``62 %, 14.2 of 24.0 GB`` from a line ``62, 14541, 24576`` (%, MiB, MiB), a card each.

    What is not of that form is left out.
    """
    cards = []
    for row in told.splitlines()[:_MOST_CARDS]:
        figures = row.split(",")
        try:
            busy, used, whole = (float(each) for each in figures)
        except ValueError:
            continue
        cards.append(f"{busy:.0f} %, {used / 1024:.1f} of {whole / 1024:.1f} GB")
    return "   ".join(cards)
