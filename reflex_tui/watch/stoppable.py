"""Long work beside the dashboard: a thread with an event loop of its own, which can be stopped."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import ReflexError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator


class WorkBroke(ReflexError):
    """A bug ended the work: what was done by then is kept."""

    code = "bug"

    def __init__(self, bug: Exception) -> None:
        super().__init__(
            f"a bug in Reflex ended it: {plain(repr(bug), 200)}",
            remedy="The notice names the file with the details; please report it.",
        )


class StoppableWork:
    """A thread that runs ``_work``, which enters ``_stoppable`` once its loop runs."""

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._stop_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is still at work, its files included."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop_wanted

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it in order: what is done by then is kept."""
        with self._lock:
            self._stop_wanted = True
            if self._loop and self._stop:
                self._loop.call_soon_threadsafe(self._stop.set)

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        raise NotImplementedError

    @contextmanager
    def _stoppable(self) -> Iterator[asyncio.Event]:
        """The event that ``stop`` sets, in the running loop; set already if it was asked before."""
        stop = asyncio.Event()
        with self._lock:
            self._loop, self._stop = asyncio.get_running_loop(), stop
            if self._stop_wanted:
                stop.set()
        try:
            yield stop
        finally:
            with self._lock:
                self._loop = self._stop = None
