"""The backends side by side over one window: how many calls, how well, how fast; the chart below.

``LatencyCharts`` puts table and chart together for the health and the routing pane.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import isinf
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.reactive import reactive
from textual.style import Style

from core.figures import NONE, count, duration, percent
from core.plain import plain
from core.stages import PRIMARY, Mode
from reflex_tui.model.gate import BAD, MODE_STYLE, POOR
from reflex_tui.model.latencies import AUTO, CHOICES, WINDOWS, EndedCall, Figures, Window, figures
from reflex_tui.watch.announcements import WindowWanted
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import (
    MUTED,
    TITLE,
    bars,
    ceiling,
    fitting,
    left,
    line,
    right,
    spread,
)
from reflex_tui.widgets.plot import PlotSection
from reflex_tui.widgets.section import UNREADABLE, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.app import ComposeResult
    from textual.content import Content
    from textual.events import Click


FAILED = "×"
_THICKEST = 3
_BACKEND = 12
_LEAST_SPARK, _MOST_SPARK = 8, 40
_LEAST_TTFT_MS = 100.0
_LEAST_TOTAL_MS = 500.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Bars of values in ms (None: the call failed) from zero up to ``top``, coloured ``style``.

    Those at or over ``limit`` stand out.
    """

    values: Sequence[float | None]
    top: float
    style: str
    limit: float | None = None

    def line(self, width: int) -> Content:
        """One line of ``width`` cells, the newest at the right."""
        shown = list(self.values[-width:]) if width > 0 else []
        drawn = bars(shown, self.top, width)[0]
        blank = width - len(shown)

        def cells() -> Iterator[tuple[str, str]]:
            for index, cell in enumerate(drawn):
                value = shown[index - blank] if index >= blank else 0.0
                if index < blank:
                    yield "·", "$rule"
                elif value is None:
                    yield FAILED, f"bold {BAD}"
                else:
                    over = self.limit is not None and value >= self.limit
                    yield cell, POOR if over else self.style

        runs = groupby(cells(), key=lambda cell: cell[1])
        return line(*(("".join(cell for cell, _ in run), style) for style, run in runs))


class BackendsSection(Section):
    """A row for each backend over ``window``; ``calls`` are None while they are read.

    ``auto`` says that the window was chosen by itself, ``cut`` that older calls had to go.
    """

    calls: reactive[tuple[EndedCall, ...] | None] = reactive(None)
    _ranked: tuple[object, tuple[Figures, ...]] = ("", ())
    _height = 0
    window: reactive[Window] = reactive(WINDOWS[2])
    auto: reactive[bool] = reactive(default=True)
    cut: reactive[bool] = reactive(default=False)
    limit_ms: reactive[float] = reactive(2000.0)
    broken: reactive[bool] = reactive(default=False)

    def lines(self, width: int) -> list[Content]:
        """A title with the windows, the columns' names, a row for each backend, a footnote."""
        rows = self._rows()
        columns = _columns(self.limit_ms, width, known=self.calls is not None)
        used = _BACKEND + sum(size for _, size, _ in columns)
        sparks = self._sparks(width - used)
        names = [(left("BACKEND", _BACKEND)), *(right(name, size) for name, size, _ in columns)]
        head = line(*names, *(f"  {left(name, size - 2).plain}" for name, size in sparks))
        lines = [self._title(width), left(head.stylize(MUTED), width)]
        for row in rows:
            style = MODE_STYLE[row.mode]
            cells = [right(tell(row), size) for _, size, tell in columns]
            drawn = [line("  ", self._spark(row, name, size - 2)) for name, size in sparks]
            name = left(line((plain(row.backend, 40), f"bold {style}")), _BACKEND)
            lines.append(left(line(name, *cells, *drawn), width))
        if _has_endless(rows):
            told = "∞: more than 5 % of the calls failed; a failed call counts as over the limit"
            short = "∞: more than 5 % of the calls failed"
            lines.append(fitting([line((told, MUTED)), line((short, MUTED))], width))
        return lines

    def watch_calls(self) -> None:
        """Lay out anew only for another number of lines: that takes the whole screen's time."""
        rows = self._rows()
        height = len(rows) + _has_endless(rows)
        if height != self._height:
            self._height = height
            self.refresh(layout=True)

    def _rows(self) -> tuple[Figures, ...]:
        """Worked out once for the same calls: they are asked for to lay out, and to draw."""
        if self.calls is not self._ranked[0]:
            self._ranked = self.calls, _both(figures(self.calls or ()))
        return self._ranked[1]

    def on_click(self, event: Click) -> None:
        """A window's name was clicked."""
        if (at := event.style.meta.get("window")) is not None:
            self.post_message(WindowWanted(CHOICES[int(at)]))

    def _title(self, width: int) -> Content:
        name = line(("BACKENDS", TITLE))
        if self.calls is None:
            told = UNREADABLE if self.broken else ("◌ reading …", MUTED)
            return left(line(name, "  ", told), width)
        of = f"newest {count(len(self.calls))} calls" if self.cut else "last"
        span = line(name, (f"  {of} {self.window.words}", MUTED))
        key = line((shown_key(self.app, "health.window", "w"), "bold $reflex"), (" window ", MUTED))
        choices = line(*(self._choice(number) for number in range(len(CHOICES))))
        room = width - 2
        if span.cell_length + key.cell_length + choices.cell_length <= room:
            return spread(span, line(key, choices), width)
        if span.cell_length + choices.cell_length <= room:
            return spread(span, choices, width)
        return spread(span, key, width)

    def _choice(self, number: int) -> Content:
        choice = CHOICES[number]
        chosen = self.auto if choice is AUTO else not self.auto and choice is self.window
        piece = line((f" {choice.name} ", "bold $foreground on $cursor" if chosen else MUTED))
        return piece.stylize(Style.from_meta({"window": str(number)}))

    def _sparks(self, room: int) -> list[tuple[str, int]]:
        """The sparklines there is room for, and their cells with a gap before each."""
        if room >= 2 * (_LEAST_SPARK + 6):
            return [("TTFT", min(room // 2, _MOST_SPARK)), ("TOTAL", min(room // 2, _MOST_SPARK))]
        return [("TOTAL", min(room, _MOST_SPARK))] if room >= _LEAST_SPARK else []

    def _spark(self, row: Figures, name: str, width: int) -> Content:
        newest = [call for call in self.calls or () if call.backend == row.backend][-width:]
        total = name == "TOTAL"
        values = [
            None if not call.answered else call.waited_ms if total else call.ttft_ms
            for call in newest
        ]
        limit = self.limit_ms if total and row.backend == PRIMARY else None
        least = limit or (_LEAST_TOTAL_MS if total else _LEAST_TTFT_MS)
        top = ceiling(values, least=least)
        return Sparkline(values, top, MODE_STYLE[row.mode], limit).line(width)


def _has_endless(rows: Sequence[Figures]) -> bool:
    return any(row.p95 is not None and isinf(row.p95) for row in rows)


def _both(rows: tuple[Figures, ...]) -> tuple[Figures, ...]:
    """Reflex and the cloud are always there, also without calls."""
    there = {row.mode for row in rows}
    missing = [Figures(str(mode), mode) for mode in Mode if mode not in there]
    return tuple(sorted((*rows, *missing), key=lambda row: row.mode is Mode.CLOUD))


_Column = tuple[str, int, "Callable[[Figures], Content]"]


def _columns(limit_ms: float, width: int, *, known: bool) -> list[_Column]:
    """The columns of figures that the width allows; not ``known`` before calls are read."""

    def told(text: str, style: str = "") -> Content:
        return line((text, MUTED if text == NONE else style))

    def p95(row: Figures) -> Content:
        if row.p95 is not None and isinf(row.p95):
            return told("∞", f"bold {BAD}")
        over = row.backend == PRIMARY and row.p95 is not None and row.p95 >= limit_ms
        return told(duration(row.p95), f"bold {POOR}" if over else "")

    def ok(row: Figures) -> Content:
        return told(percent(row.ok_percent), POOR if row.failed else "")

    limited: Callable[[Figures], Content] = lambda row: line(  # noqa: E731
        (f"< {duration(limit_ms)}" if row.backend == PRIMARY else "", MUTED)
    )
    speed: Callable[[Figures], Content] = lambda row: told(  # noqa: E731
        NONE if row.tokens_per_s is None else f"{row.tokens_per_s:.0f}"
    )
    calls: Callable[[Figures], Content] = lambda row: told(  # noqa: E731
        count(row.calls if known else None), "" if row.calls else MUTED
    )
    failed: Callable[[Figures], Content] = lambda row: line(  # noqa: E731
        (count(row.failed) if row.failed else "", BAD)
    )
    columns: list[_Column] = [
        ("CALLS", 7, calls),
        ("FAILED", 7, failed),
        ("OK", 8, ok),
        ("P50", 9, lambda row: told(duration(row.p50))),
        ("P95", 9, p95),
        ("LIMIT", 10, limited),
        ("TTFT P50", 10, lambda row: told(duration(row.ttft_p50))),
        ("P95", 9, lambda row: told(duration(row.ttft_p95))),
        ("TOK/S", 7, speed),
    ]
    left_out = (7, 8, 6, 1, 5)
    for at in left_out:
        if _BACKEND + _LEAST_SPARK + sum(size for _, size, _ in columns if size) <= width:
            break
        columns[at] = ("", 0, columns[at][2])
    return [column for column in columns if column[1]]


class LatencyCharts(Container):
    """``calls`` of ``window`` up to ``now_s``: the table, and the chart below where there is room.

    They are set together by ``show``, so that figures and chart are of the same calls.
    """

    limit_ms: reactive[float] = reactive(2000.0, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's name
        super().__init__(id=id)
        self.table, self.plot = BackendsSection(), PlotSection()

    def compose(self) -> ComposeResult:
        """Both; the stylesheet decides whether there is room for the chart."""
        yield self.table
        yield self.plot

    def show(self, shown: ShownCalls) -> None:
        """Show these calls."""
        show_calls(self.table, self.plot, shown)

    def watch_limit_ms(self, limit_ms: float) -> None:
        """Pass the threshold on."""
        self.table.limit_ms = self.plot.limit_ms = limit_ms


@dataclass(frozen=True, slots=True)
class ShownCalls:
    """The calls of one window up to ``now_s`` (s since 1970); None while they are read."""

    calls: tuple[EndedCall, ...] | None
    window: Window
    now_s: float
    auto: bool = True
    cut: bool = False


def show_calls(table: BackendsSection, plot: PlotSection, shown: ShownCalls) -> None:
    """Table and chart of the same calls, over the same window."""
    table.window, table.auto, table.cut = shown.window, shown.auto, shown.cut
    table.calls = shown.calls
    plot.show(shown.calls, shown.window, shown.now_s)
