"""The routing log: a list as long as it likes, of which only the rows in sight are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from core.capsule.index import ORDERS
from reflex_tui.model.log_columns import LEFT_OUT, Column, LogColumns, layout
from reflex_tui.widgets.lines import MUTED, fit, joined, line
from reflex_tui.widgets.log_line import log_line
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from datetime import datetime

    from rich.style import Style as RichStyle
    from textual.binding import BindingType
    from textual.content import Content
    from textual.events import Click, MouseScrollDown, MouseScrollUp

    from reflex_tui.model.log import Rows
    from reflex_tui.model.rows import Row


GUTTER = 2


class LogHeader(Section):
    """The names of the log's columns, above it; a click on one puts the calls in its order."""

    hidden: reactive[frozenset[str]] = reactive(LEFT_OUT)
    # By which column the calls are sorted, and whether from the greatest on.
    order: reactive[tuple[str, bool] | None] = reactive(None)

    class Clicked(Message):
        """A column's name was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def lines(self, width: int) -> list[Content]:
        """One line, past the cursor's gutter and short of the scrollbar."""
        columns = self._columns(width).columns
        return [line(" " * GUTTER, *(self._heading(*each) for each in columns))]

    def sortable(self) -> list[str]:
        """The columns in sight that calls can be sorted by, figures first."""
        shown = [column for column, _ in self._columns(self.content_size.width).columns]
        shown.sort(key=lambda column: not column.is_figure)
        return [column.name for column in shown if column.name in ORDERS]

    def dropped(self) -> tuple[str, ...]:
        """The columns that are wanted and have no room."""
        return self._columns(self.content_size.width).dropped

    def on_click(self, event: Click) -> None:
        """Tell which column."""
        if name := event.style.meta.get("column"):
            self.post_message(self.Clicked(str(name)))

    def _columns(self, width: int) -> LogColumns:
        return layout(max(0, width - GUTTER - 1), self.hidden)

    def _heading(self, column: Column, width: int) -> Content:
        name, style = column.heading, MUTED
        if self.order and self.order[0] == column.name:
            name, style = f"{name} {'▾' if self.order[1] else '▴'}", "bold $reflex"
        told = name.rjust(width) if column.is_figure else fit(name, width)
        return line((told, style)).stylize(Style.from_meta({"column": column.name}))


class LogView(RefusesKeys, ScrollView, can_focus=True):
    """Draws ``rows``; follows the newest until moved up, and again from End or the last row on."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-view--cursor"}
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="log.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="log.down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="log.page-up"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="log.page-down"),
        Binding("home,g", "oldest", "Oldest", show=False, id="log.oldest"),
        Binding("end,G", "follow", "Newest", id="log.follow"),
        Binding("enter", "open", "Open", id="log.open"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)
    following: reactive[bool] = reactive(default=True, repaint=False)
    waiting: reactive[int] = reactive(0, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    patience_s: reactive[float] = reactive(60.0)
    hidden: reactive[frozenset[str]] = reactive(LEFT_OUT)
    # Whether the last row is the newest, and to be there is to follow.
    is_live = True

    class Opened(Message):
        """The user wants to see all of a row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """Following, waiting or the cursor changed."""

    def __init__(self, rows: Rows, *, id: str | None = None) -> None:  # noqa: A002  Textual's name
        super().__init__(id=id)
        self.rows = rows
        self._styles: dict[tuple[str, bool], RichStyle] = {}

    def reread(self, cursor: int = 0) -> None:
        """Draw again after ``rows`` changed altogether; while paused, stay at ``cursor``."""
        self._resize()
        if self.following:
            self.action_follow()
        else:
            self._go(cursor)
        self.refresh()

    def appended(self, rows: int) -> None:
        """``rows`` more at the end, or none but some of those in sight changed."""
        self._resize()
        if self.following:
            self._go(len(self.rows) - 1)
        else:
            self.waiting += rows
        self.refresh()

    def shifted(self, rows: int) -> None:
        """``rows`` more in front (fewer when negative): keep what is in sight where it is."""
        self._resize()
        self.set_reactive(LogView.cursor, max(0, self.cursor + rows))
        self.scroll_to(y=max(0, self.scroll_offset.y + rows), animate=False, force=True)
        self.refresh()

    def jump(self, index: int) -> None:
        """To the row at ``index``, with those that follow it in sight."""
        last = len(self.rows) - 1
        self.following = False
        self.cursor = max(0, min(index, last))
        self.scroll_to(y=self.cursor, animate=False, force=True)

    def row_at_cursor(self) -> Row | None:
        """The row under the cursor, if there is one and it is loaded."""
        return self.rows.row(self.cursor) if 0 <= self.cursor < len(self.rows) else None

    def render_line(self, y: int) -> Strip:
        """One line of what is in sight."""
        index = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if index >= len(self.rows) or self.now is None:
            return Strip.blank(width, self.rich_style)
        row = self.rows.row(index)
        chosen = index == self.cursor and (self.has_focus or not self.following)
        pieces = [("▌ " if chosen else "  ", "bold $reflex")]
        if row:
            pieces += log_line(row, layout(width - GUTTER, self.hidden), self.now, self.patience_s)
        else:
            pieces.append(("…", MUTED))
        # Drawn by hand: wrapping, links and selection, which a row has not, are half of the time.
        strip = Strip([Segment(text, self._rich_of(of, chosen)) for text, of in joined(pieces)])
        return strip.adjust_cell_length(width, self._rich_of("", chosen))

    def _rich_of(self, style: str, chosen: bool) -> RichStyle:  # noqa: FBT001  by the thousand
        found = self._styles.get((style, chosen))
        if found is None:
            base = self.visual_style
            if chosen:
                base += self.get_visual_style("log-view--cursor")
            found = (base + self._get_style(style)).rich_style
            self._styles[style, chosen] = found
        return found

    def notify_style_update(self) -> None:
        """Another theme: nothing drawn holds any more."""
        super().notify_style_update()
        self._styles.clear()

    def on_resize(self) -> None:
        """Another size: keep the newest in sight while following."""
        self._resize()
        if self.following:
            self._go(len(self.rows) - 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Keep the cursor in sight, also when the scrollbar is dragged."""
        super().watch_scroll_y(old_value, new_value)
        if not self.following:
            top = round(new_value)
            bottom = top + max(1, self.scrollable_content_region.height) - 1
            self.cursor = max(top, min(self.cursor, bottom, len(self.rows) - 1))

    def watch_following(self) -> None:
        """Tell those who show it, and the footer."""
        self.post_message(self.Moved())
        self.refresh_bindings()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """Who follows the newest cannot go to them."""
        return "The newest are followed already" if action == "follow" and self.following else ""

    def watch_waiting(self) -> None:
        """Tell those who show it."""
        self.post_message(self.Moved())

    def watch_cursor(self, before: int, after: int) -> None:
        """Draw the cursor where it is now."""
        self.refresh_line(before)
        self.refresh_line(after)

    def action_move(self, by: int) -> None:
        """One row up or down."""
        self._step(self.cursor + by, upwards=by < 0)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self._step(self.cursor + by * max(1, self.size.height - 1), upwards=by < 0)

    def action_oldest(self) -> None:
        """To the first row there is."""
        self._step(0, upwards=True)

    def action_follow(self) -> None:
        """To the newest, and stay with it."""
        self.following = True
        self.waiting = 0
        self._go(len(self.rows) - 1)

    def action_open(self) -> None:
        """Show all of the row under the cursor."""
        if row := self.row_at_cursor():
            self.post_message(self.Opened(row))

    def on_click(self, event: Click) -> None:
        """A click moves the cursor; a second one opens the row."""
        index = self.scroll_offset.y + event.y
        if index < len(self.rows):
            self._step(index, upwards=index < len(self.rows) - 1)
            if event.chain > 1:
                self.action_open()

    def on_scroll_to(self) -> None:
        """The scrollbar was dragged: stay where it is."""
        self.following = False

    def on_scroll_up(self) -> None:
        """The scrollbar was clicked."""
        self.following = False

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The wheel moves the cursor: what is in sight and what is chosen stay together."""
        event.stop().prevent_default()
        self._step(self.cursor - 3, upwards=True)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """As for up."""
        event.stop().prevent_default()
        self._step(self.cursor + 3, upwards=False)

    def _step(self, index: int, *, upwards: bool) -> None:
        last = len(self.rows) - 1
        if last < 0:
            return
        if upwards or not self.is_live:
            self.following = False
        elif index >= last:
            self.action_follow()
            return
        self._go(index)

    def _go(self, index: int) -> None:
        last = max(0, len(self.rows) - 1)
        self.cursor = max(0, min(index, last))
        height = max(1, self.scrollable_content_region.height)
        top = self.scroll_offset.y
        if self.following:
            top = max(0, last + 1 - height)
        elif self.cursor < top:
            top = self.cursor
        elif self.cursor >= top + height:
            top = self.cursor - height + 1
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)

    def _resize(self) -> None:
        # Assigning the reactive would lay the whole screen out again, ten times a second.
        size = Size(0, len(self.rows))
        self.set_reactive(LogView.virtual_size, size)
        self._scroll_update(size)
