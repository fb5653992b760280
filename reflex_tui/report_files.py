"""The watcher of the bakeoff reports' directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.messages import ReportsSeen, UnfinishedSeen
from reflex_tui.panes.reports import Report, Stamp, newest, read_report
from reflex_tui.panes.unfinished import Unfinished, newest_unfinished
from reflex_tui.watcher import Post, Watcher

if TYPE_CHECKING:
    from pathlib import Path

EVERY_S = 1.0


class ReportsWatcher(Watcher):
    """Sees reports come, change and go, and bakeoffs that have not come to their end."""

    def __init__(self, directory: Path, post: Post) -> None:
        super().__init__("reports", post)
        self._directory = directory
        self._reports: dict[Stamp, Report] | None = None
        self._unfinished: Unfinished | None = None

    def watch(self) -> None:
        """Look at once, then every second."""
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(EVERY_S)

    def _look(self) -> None:
        known = self._reports or {}
        found = newest(self._directory)
        reports = {stamp: known.get(stamp) or read_report(path) for path, stamp in found}
        if self._reports is None or list(reports) != list(known):
            self._reports = reports
            self._post(ReportsSeen(tuple(reports.values())))
        if (unfinished := newest_unfinished(self._directory)) != self._unfinished:
            self._unfinished = unfinished
            self._post(UnfinishedSeen(unfinished))
