"""A bug in work beside the dashboard: told on the screen, kept in a file, and the rest goes on."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.app import App
from textual.css.query import NoMatches
from textual.widget import MountError
from textual.worker import WorkerFailed

from core.files import write_private
from core.plain import plain
from reflex_tui.watch.watcher import AGAIN_AFTER_S

if TYPE_CHECKING:
    from pathlib import Path

    from reflex_tui.watch.announcements import WorkFailed

NAME = "dashboard-error.txt"
_MOST_CHARS = 60_000


class SturdyApp(App[None]):
    """An application that a bug in a thread does not end; one on the event loop does.

    ``bugs`` are those met so far. ``kept_at`` is where the newest one's traceback is written,
    without local variables, and secrets taken out.
    """

    def __init__(self, kept_at: Path) -> None:
        super().__init__()
        self.kept_at = kept_at
        self.bugs: list[Exception] = []

    def on_work_failed(self, message: WorkFailed) -> None:
        """A thread of ours met one."""
        self._tell_bug(message.error)

    def _tell_bug(self, bug: Exception) -> None:
        self.bugs.append(bug)
        kept = ""
        with suppress(OSError):
            write_private(self.kept_at, _traceback(bug))
            kept = f" Details: {plain(self.kept_at, 300)}"
        self.notify(
            f"{plain(repr(bug), 200)}. The rest goes on, but some figures may be old.{kept}",
            title="A bug in the dashboard",
            severity="error",
            timeout=AGAIN_AFTER_S,
        )

    def _handle_exception(self, error: Exception) -> None:
        """As Textual's, but for a worker's bug, and for what leaving itself brings about.

        From ``exit`` on nothing is mounted any more, so a part half built misses its children.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self.return_code is not None and isinstance(cause, (NoMatches, MountError)):
            return
        if isinstance(error, WorkerFailed) and isinstance(cause, Exception):
            self._tell_bug(cause)
            return
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """As Textual's, without the local variables: prompts and keys are among them."""
        from rich.segment import Segments
        from rich.traceback import Traceback

        shown = Traceback(show_locals=False, width=None)
        rendered = self.console.render(shown, self.console.options)
        self._exit_renderables.append(Segments(rendered))
        self._close_messages_no_wait()


def _traceback(bug: Exception) -> str:
    """Its end, which says most."""
    from core.capsule.redaction import redact  # rarely needed

    told = "".join(traceback.format_exception(bug))
    return str(redact(told[-_MOST_CHARS:]))
