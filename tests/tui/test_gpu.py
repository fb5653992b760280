"""The graphics card in words, and the thread that asks for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from reflex_tui.watch import gpu
from reflex_tui.watch.announcements import GpuSeen
from reflex_tui.watch.gpu import GpuWatcher, gpu_words
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from textual.message import Message


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("62, 14541, 24576\n", "62 % busy, 14.2 of 24.0 GiB"),
        ("0, 1, 1024\n5, 2048, 4096\n", "2 cards, 0 to 5 % busy, 2.0 of 5.0 GiB"),
        ("9, 1024, 2048\n9, 1024, 2048\n", "2 cards, 9 % busy, 2.0 of 4.0 GiB"),
        ("[N/A], 1024, 2048\n", "1.0 of 2.0 GiB"),
        ("37, [N/A], [N/A]\n", "37 % busy"),
        ("nan, inf, -1\n", ""),
        ("NVIDIA-SMI has failed, as it could, not reach the driver\n", ""),
        ("No devices were found\n", ""),
    ],
)
def test_a_graphics_card_is_told_in_words(told: str, words: str) -> None:
    """As ``nvidia-smi`` tells it, a card each; what it cannot tell is left out."""
    assert gpu_words(told) == words


def test_a_card_that_tells_no_more_is_shown_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it told last would stand there as if it were now; and it is asked again."""
    program, answer = tmp_path / "nvidia-smi", tmp_path / "answer"
    program.write_text(f'#!/bin/sh\nread -r line < "{answer}" && echo "$line"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(gpu, "LOOK_AGAIN_S", 0.01)
    answer.write_text("62, 14541, 24576\n")
    told: list[str] = []
    changed = threading.Event()

    def post(message: Message) -> None:
        assert isinstance(message, GpuSeen)
        told.append(message.words)
        changed.set()

    watcher = GpuWatcher(post)
    watcher.start()
    for rest in (answer.unlink, lambda: answer.write_text("1, 1024, 2048\n"), watcher.stop):
        assert changed.wait(PATIENCE_S)
        changed.clear()
        rest()
    watcher.join()
    assert told == ["62 % busy, 14.2 of 24.0 GiB", "", "1 % busy, 1.0 of 2.0 GiB"]
