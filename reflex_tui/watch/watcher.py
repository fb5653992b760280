"""A thread that watches something and only posts messages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from reflex_tui.watch.announcements import WorkFailed

if TYPE_CHECKING:
    from textual.message import Message

AGAIN_AFTER_S = 10.0


class Post(Protocol):
    """How a thread speaks: ``App.post_message``, or a test's list."""

    def __call__(self, message: Message) -> object:
        """Hand the message over; any thread may call it."""


class Watcher:
    """A daemon thread that runs ``watch`` until ``stop``; a bug is told, then it begins again."""

    def __init__(self, name: str, post: Post) -> None:
        self._post = post
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reflex-{name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()

    def join(self, timeout_s: float = 2.0) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_running(self) -> bool:
        """Whether its thread has begun and not ended."""
        return self._thread.is_alive()

    def watch(self) -> None:
        """What the thread does."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.watch()
            except Exception as bug:  # noqa: BLE001  what no longer updates must say so
                self._post(WorkFailed(bug))
                # Of the class, as a follower's own ``wait`` does more.
                threading.Event.wait(self._stopping, AGAIN_AFTER_S)
            else:
                return


def unreadable(error: OSError) -> str:
    """Which file cannot be read, and why."""
    return f"{error.filename or 'the workspace'}: {error.strerror or error}"
