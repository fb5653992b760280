"""The threads that watch one workspace, started and stopped together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reflex_tui.watch.archive import Archive
from reflex_tui.watch.capsule import CapsuleWatcher
from reflex_tui.watch.gpu import GpuWatcher
from reflex_tui.watch.on_disk import ReportsWatcher
from reflex_tui.watch.server_watch import ViewWatcher
from reflex_tui.watch.windows import WindowWatcher

if TYPE_CHECKING:
    from core.clock import Clock
    from core.settings import Settings
    from reflex_tui.watch.watcher import Post

_FIRST_ROWS_S = 0.15


class WorkspaceWatchers:
    """All watchers of a workspace; ``follow`` starts those whose panes come later."""

    def __init__(
        self,
        settings: Settings,
        post: Post,
        clock: Clock | None = None,
    ) -> None:
        self.routing_view = ViewWatcher(settings, post, clock)
        self.capsule = CapsuleWatcher(settings.state_dir / "capsule", post)
        self.archive = Archive(settings.state_dir / "capsule", post)
        self.reports = ReportsWatcher(settings.state_dir / "eval", post)
        self.windows = WindowWatcher(settings, post, clock)
        self._followers = (self.archive, self.reports, self.windows, GpuWatcher(post))
        self._follow = threading.Event()
        self._stopped = threading.Event()
        self._starter = threading.Thread(target=self._start, name="reflex-starter", daemon=True)

    def start(self) -> None:
        """Begin to look; a thread's start waits until it runs, so it is not for the loop."""
        self._starter.start()

    def follow(self) -> None:
        """Watch the rest as well: there is a pane for it."""
        self._follow.set()

    def stop(self) -> None:
        """Ask all to end, and wait for it a moment."""
        watchers = (self.routing_view, self.capsule, *self._followers)
        for watcher in watchers:
            watcher.stop()
        self._stopped.set()
        self._follow.set()
        self._starter.join()
        for watcher in watchers:
            watcher.join()

    def _start(self) -> None:
        self.routing_view.start()
        self._follow.wait()
        if self._stopped.is_set():
            return
        self.capsule.start()
        # The fewer threads run, the sooner it is the picture's turn: first its rows, then the rest.
        if self._stopped.wait(_FIRST_ROWS_S):
            return
        from core.capsule import index  # noqa: F401

        for watcher in self._followers:
            watcher.start()
