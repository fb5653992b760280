"""A block of lines on a pane: as many as it needs, each fitted to the width it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.geometry import Size


class Section(Widget):
    """Draws ``lines(width)``; subclasses hold what they show in reactives with ``layout=True``."""

    DEFAULT_CSS = """
    Section {
        height: auto;
        width: 1fr;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def lines(self, width: int) -> list[Content]:
        """The block at ``width`` cells."""
        raise NotImplementedError

    def render(self) -> Content:
        """All lines, one below the other."""
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One row a line."""
        return len(self.lines(width))
