"""Containers of which nothing is seen but the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.containers import Container, Vertical
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.geometry import Region
    from textual.widget import Widget as _Widget
else:
    # Not a widget at run time: Textual takes a widget's styles from the first base that is one.
    _Widget = object


class Ground(_Widget):
    """A mixin, before Textual's class: one line is drawn for all, where Textual draws each alone.

    Nearly all of it is covered, but is drawn, cut and thrown away: half of a pane's first picture.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """The background. ``Widget.BLANK`` would do, but for the filters: NO_COLOR is one."""
        background = self.background_colors[1]
        line = Strip.blank(crop.width, Style.from_color(bgcolor=background.rich_color))
        for each in self.get_line_filters():
            line = line.apply_filter(each, background)
        return [line] * crop.height


class Area(Ground, Container):
    """Textual's container, as ground."""


class Column(Ground, Vertical):
    """Textual's vertical container, as ground."""
