"""What the three panes have in common as widgets."""

from __future__ import annotations


class Pane:
    """A mixin, before Textual's class: no style hangs on a pane's own focus.

    Textual would go through the styles of all that is in it, for 5 ms at each change.
    """

    def watch_has_focus(self, _has_focus: bool) -> None:  # noqa: FBT001  as Textual calls it
        """Nothing to restyle."""
