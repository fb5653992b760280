"""The threads that watch files: the configuration, and the bakeoff reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ConfigError
from reflex_tui.watch.announcements import ConfigBroken, ConfigRead, ReportsSeen, UnfinishedSeen
from reflex_tui.watch.watcher import Post, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.settings import Settings
    from reflex_tui.model.estimate import Unfinished
    from reflex_tui.model.reports import ListedReport, Stamp


CONFIG_EVERY_S = 1.0

REPORTS_EVERY_S = 1.0


class ConfigWatcher(Watcher):
    """Reads the configuration again when its file changes; ``settings`` None: not read yet."""

    def __init__(self, settings: Settings | None, post: Post, read: Callable[[], Settings]) -> None:
        super().__init__("config", post)
        self._settings = settings
        self._read = read
        self._seen = _times(settings.source.path) if settings else None
        self._error = ""
        self._before: Settings | str | None = None

    def watch(self) -> None:
        """Look every second; at once when nothing was read yet."""
        if self._settings is None:
            self._tell(self._found())
        while not self._stopping.wait(CONFIG_EVERY_S):
            self._look()

    def _look(self) -> None:
        path = self._settings.source.path if self._settings and not self._error else None
        if path is not None and _times(path) == self._seen:
            return
        found = self._found()
        key = str(found) if isinstance(found, ConfigError) else found
        # A file that is being written is empty for a moment: what counts is seen twice.
        settled, self._before = key == self._before, key
        if settled:
            self._tell(found)

    def _found(self) -> Settings | ConfigError:
        try:
            return self._read()
        except ConfigError as error:
            return error

    def _tell(self, found: Settings | ConfigError) -> None:
        if isinstance(found, ConfigError):
            if str(found) != self._error:
                self._error = str(found)
                self._post(ConfigBroken(found))
            return
        self._seen = _times(found.source.path)
        if found != self._settings or self._error:
            self._settings, self._error = found, ""
            self._post(ConfigRead(found))


def _times(path: Path | None) -> tuple[int, int] | None:
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None


class ReportsWatcher(Watcher):
    """Sees reports come, change and go, and bakeoffs that have not come to their end."""

    def __init__(self, directory: Path, post: Post) -> None:
        super().__init__("reports", post)
        self._directory = directory
        self._reports: dict[Stamp, ListedReport] | None = None
        self._unfinished: Unfinished | None = None

    def watch(self) -> None:
        """Look at once, then every second."""
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(REPORTS_EVERY_S)

    def _look(self) -> None:
        from reflex_tui.model.estimate import newest_unfinished  # in this thread: the harness
        from reflex_tui.model.reports import newest, read_report

        known = self._reports or {}
        found = newest(self._directory)
        reports = {stamp: known.get(stamp) or read_report(path) for path, stamp in found}
        if self._reports is None or list(reports) != list(known):
            self._reports = reports
            self._post(ReportsSeen(tuple(reports.values())))
        if (unfinished := newest_unfinished(self._directory)) != self._unfinished:
            self._unfinished = unfinished
            self._post(UnfinishedSeen(unfinished))
