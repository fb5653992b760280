"""What a pane over the log does with its rows: takes them, counts and fetches older ones, sorts.

``RoutingPane`` adds what is seen around the rows, and the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.reactive import reactive

from reflex_tui.model.log import LogListing, NewestRows
from reflex_tui.model.quick_filters import QuickCounts, quick_filters
from reflex_tui.watch.announcements import (
    CountWanted,
    IndexGrew,
    OrderWanted,
    PageWanted,
    QuickCountWanted,
)
from reflex_tui.widgets.log_view import LogHeader, LogView

if TYPE_CHECKING:
    from reflex_tui.model.filters import LogFilter
    from reflex_tui.model.log import Added
    from reflex_tui.watch.announcements import (
        OrderCame,
        PageCame,
        QuickCounted,
        RowsCounted,
        TimeFound,
    )


class LogPane(Vertical):
    """Draws the rows in ``newest``; whoever puts rows into it says so by ``appended`` and the like.

    Subclasses compose a ``LogHeader`` and a ``LogView``, and say in ``show_state`` what there is.
    """

    limit_ms: reactive[float] = reactive(2000.0, repaint=False)
    loaded: reactive[bool] = reactive(default=False, repaint=False)
    # By which column, and whether from the greatest on; None: by time.
    order: reactive[tuple[str, bool] | None] = reactive(None, init=False, repaint=False)

    def __init__(self, newest: NewestRows | None, *, id: str) -> None:  # noqa: A002  Textual's name
        super().__init__(id=id)
        self.newest = newest or NewestRows()
        self.listing = LogListing(self.newest, self._want_page)
        # Rows older than the newest's, filter or no; None until counted.
        self._older: int | None = None
        self._index = IndexGrew(0, 0.0)
        self._quick = QuickCounts(self.newest)
        # Rows that came since those shown were put in another order.
        self._since_ordered = 0
        # The row under the cursor, also while a filter that is being typed lets no row pass.
        self._stayed_at = 0

    def show_state(self) -> None:
        """Say what there is now."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """Let the keys act on the rows."""
        raise NotImplementedError

    def appended(self, added: Added) -> None:
        """Newer rows came, or calls that ended."""
        if added.completed or added.rows:
            more = self.listing.appended(added.rows, added.completed)
            self._quick.appended(added.rows, added.completed)
            if self.listing.ordered is None:
                self.query_one(LogView).appended(more)
            else:
                self._since_ordered += more
        self._trim()
        self.show_state()

    def replaced(self, edge: int) -> None:
        """Another capsule's rows are in memory, or the first ones, from the event ``edge`` on."""
        self.loaded = True
        self.newest.edge = edge
        self._older = None if edge > 1 else 0
        self.listing.use(self.listing.filter)
        self.query_one(LogView).reread()
        self._count()
        self._count_quick()
        self._ask_order()
        self.show_state()

    def indexed(self, grew: IndexGrew) -> None:
        """More of the capsule is indexed, or its index stops at damage."""
        self._index = grew
        if self._older is None or grew.damage:
            self.show_state()

    def counted(self, answer: RowsCounted) -> None:
        """Older rows can be reached from now on; the cursor stays where it is."""
        question = answer.question
        if question.filter != self.listing.filter:
            return
        if question.edge != self.newest.edge:
            self._count()
            return
        view = self.query_one(LogView)
        self._older = answer.in_all
        more = self.listing.counted(answer.before)
        view.shifted(more)
        if not view.following and self._stayed_at < self.newest.edge:
            view.reread(answer.anchor)
        self.show_state()

    def fetched(self, answer: PageCame) -> None:
        """Older rows came that are looked at."""
        if answer.question.filter == self.listing.filter:
            self.listing.fetched(answer.question.page, answer.rows)
            self.query_one(LogView).refresh()

    def found(self, answer: TimeFound) -> None:
        """Go to the row that was found for a time."""
        if answer.question.filter != self.listing.filter:
            return
        if answer.seq is None:
            self.query_one(LogView).action_follow()
            return
        older = answer.seq < self.newest.edge
        self.query_one(LogView).jump(answer.number if older else self.listing.index(answer.seq))
        self.take_focus()

    def apply(self, chosen: LogFilter) -> None:
        """Show what passes ``chosen``, staying at the row under the cursor if it does."""
        view = self.query_one(LogView)
        if row := view.row_at_cursor():
            self._stayed_at = row.seq
        self.listing.use(chosen)
        view.reread(self.listing.index(self._stayed_at))
        self._count()
        self._ask_order()
        self.show_state()

    def _want_page(self, page: int) -> None:
        self.app.post_message(PageWanted(self.listing.filter, page))

    def _count(self) -> None:
        """Have the older rows counted; where there are none that is known."""
        if self.newest.edge > 1:
            self.app.post_message(self.wanted_count())
        else:
            self.listing.counted(0)

    def _count_quick(self) -> None:
        """Have the older rows counted for the filters that are always there."""
        all_here = self.newest.edge <= 1
        filters = [each.filter for each in quick_filters(self.limit_ms)]
        for wanted in self._quick.use(filters, all_here=all_here):
            self.app.post_message(QuickCountWanted(wanted, self.newest.edge))

    def quick_counted(self, answer: QuickCounted) -> None:
        """So many of the older rows pass one of them; what was asked before a trim says nothing."""
        if answer.question.edge == self.newest.edge:
            self._quick.counted(answer.question.filter, answer.older)
            self.show_state()
        else:
            again = QuickCountWanted(answer.question.filter, self.newest.edge)
            self.app.post_message(again)

    def _ask_order(self) -> None:
        if self.order is not None:
            self.app.post_message(OrderWanted(self.listing.filter, *self.order))

    def order_came(self, answer: OrderCame) -> None:
        """Show the calls in the order that was asked for, from the first on."""
        asked = answer.question
        if asked.filter != self.listing.filter or (asked.by, asked.descending) != self.order:
            return
        self.listing.ordered = answer.rows
        self._since_ordered = 0
        view = self.query_one(LogView)
        view.is_live = False
        view.reread()
        view.jump(0)
        self.show_state()

    def wanted_count(self) -> CountWanted:
        """The question that is asked of the older rows."""
        return CountWanted(self.listing.filter, self.newest.edge, self._stayed_at)

    def _trim(self) -> None:
        """Let the oldest go that the index has; without an index only what is far too much."""
        if not self.newest.is_full:
            return
        reachable = self.listing.before is not None and self._older is not None
        below: int | None = self._index.seq + 1 if reachable else 0
        if len(self.newest) > 2 * self.newest.keep:
            below = None
        gone = self.newest.trim(below)
        if not gone:
            return
        if self._older is not None:
            self._older += gone
        self._quick.trimmed()
        if lost := self.listing.trimmed(gone):
            self.query_one(LogView).shifted(-lost)
            self._older = None

    def watch_order(self) -> None:
        """By time again at once; by anything else once the index has put them in order."""
        view = self.query_one(LogView)
        self.query_one(LogHeader).order = self.order
        if self.order is None:
            self.listing.ordered = None
            view.is_live = True
            view.reread()
            view.action_follow()
        self._ask_order()
        self.show_state()
