"""The thread that asks ``nvidia-smi`` how busy the graphics card is, where there is one."""

from __future__ import annotations

import math
import shutil
import subprocess

from reflex_tui.watch.announcements import GpuSeen
from reflex_tui.watch.watcher import Post, Watcher

LOOK_EVERY_S, LOOK_AGAIN_S = 5.0, 60.0
_PATIENCE_S = 4.0
_MOST_CARDS = 8
_MOST_CHARS = 4000
_ASKED = "utilization.gpu", "memory.used", "memory.total"
_QUERY = f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader,nounits"


class GpuWatcher(Watcher):
    """Posts ``GpuSeen`` every few seconds; ends at once where there is no ``nvidia-smi``."""

    def __init__(self, post: Post) -> None:
        super().__init__("gpu", post)

    def watch(self) -> None:
        """Ask, wait, ask again; where it tells nothing, what it told before goes."""
        program = shutil.which("nvidia-smi")
        shown = ""
        while program and not self._stopping.is_set():
            told = gpu_words(_asked(program))
            if told != shown:
                self._post(GpuSeen(told))
            shown = told
            self._stopping.wait(LOOK_EVERY_S if told else LOOK_AGAIN_S)


def _asked(program: str) -> str:
    try:
        found = subprocess.run(
            [program, *_QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout[:_MOST_CHARS].decode("utf-8", "replace")


def gpu_words(told: str) -> str:
    """``62 % busy, 14.2 of 24.0 GiB`` from lines ``62, 14541, 24576`` (%, MiB, MiB), one a card.

    Several cards make one sentence. What a card cannot tell (``[N/A]``) is left out, as is a line
    of another form.
    """
    rows = ([_figure(each) for each in row.split(",")] for row in told.splitlines()[:_MOST_CARDS])
    cards = [row for row in rows if len(row) == len(_ASKED) and row != [None] * len(_ASKED)]
    busiest = [busy for busy, _, _ in cards if busy is not None]
    memory = [(used, whole) for _, used, whole in cards if used is not None and whole is not None]
    said = []
    if len(cards) > 1:
        said.append(f"{len(cards)} cards")
    if busiest:
        low, high = min(busiest), max(busiest)
        said.append(f"{low:.0f} % busy" if low == high else f"{low:.0f} to {high:.0f} % busy")
    if memory:
        used, whole = (sum(each) / 1024 for each in zip(*memory, strict=True))
        said.append(f"{used:.1f} of {whole:.1f} GiB")
    return ", ".join(said)


def _figure(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None
