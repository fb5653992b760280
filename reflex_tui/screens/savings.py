"""The savings page: what reflex saved, in all and by day, week or session, and how sure that is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding

from core.errors import CapsuleError
from core.figures import count, percent, plural
from core.plain import plain
from reflex_tui.model import savings as words
from reflex_tui.model.gate import BAD
from reflex_tui.model.shadows import paired_tasks
from reflex_tui.screens.pages import Sheet
from reflex_tui.widgets.lines import MUTED, TITLE, labelled, left, line, right

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.content import Content

    from core.monitor.savings import Savings
    from core.settings import Settings

_LABEL, _NAME, _COUNT, _SHARE, _TOKENS, _BAR = 10, 11, 7, 8, 10, 10
# A figure's width at least, and with its interval beside it.
_FIGURE, _WITH_INTERVAL = 15, 27
# The widths from which shares, and bars and tokens, are shown.
_WITH_SHARE, _FULL = 78, 98
_BAR_ROOM = 2
_FIGURES = ("money", "waiting", "success")
_MOST_PARTS = 400


@dataclass(frozen=True, slots=True)
class SavedParts:
    """What was saved in all, and by ``by``, newest first; ``left_out`` older ones are not there."""

    total: Savings
    by: str
    parts: tuple[Savings, ...]
    left_out: int = 0


class SavingsScreen(Sheet):
    """Reads the capsule beside the dashboard, and shows what it comes to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "by('day')", "By day", id="savings.day"),
        Binding("w", "by('week')", "By week", id="savings.week"),
        Binding("s", "by('session')", "By session", id="savings.session"),
    ]

    def __init__(self, settings: Settings, by: str = "day") -> None:
        super().__init__("Savings", self._lines)
        self._settings = settings
        self._by = by
        self._seen: SavedParts | None = None
        self._problem = ""

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self.run_worker(self._read(), exclusive=True)

    def action_by(self, by: str) -> None:
        """Put the calls together by that instead."""
        self._by = by
        self.run_worker(self._read(), exclusive=True)

    async def _read(self) -> None:
        try:
            self._seen = await asyncio.to_thread(read_savings, self._settings, self._by)
            self._problem = ""
        except CapsuleError as error:
            self._problem = plain(error, 500)
        self._fill()

    def _lines(self, width: int) -> list[Content]:
        if self._problem:
            return [line((f"✖ {self._problem}", BAD))]
        if self._seen is None:
            return [line(("◌ reading the evidence …", MUTED))]
        # Room for the bar that scrolls, which may come with the text.
        return savings_page(self._seen, self._settings, width - _BAR_ROOM)


def read_savings(settings: Settings, by: str) -> SavedParts:
    """What the capsule shows; takes about a second for 100,000 events.

    Raises:
        CapsuleError: it cannot be read.
    """
    from core.capsule.keys import own_key
    from core.monitor.facts import GROUPINGS, facts_of
    from core.monitor.savings import grouped, savings_of

    calls = facts_of(settings.state_dir / "capsule", settings.source.root, key=own_key())
    price = settings.cloud.price_usd
    groups = grouped(calls, GROUPINGS[by])
    newest = list(groups.items())[-_MOST_PARTS:]
    parts = [savings_of(plain(name, 40), group, price) for name, group in reversed(newest)]
    return SavedParts(savings_of("all", calls, price), by, tuple(parts), len(groups) - len(newest))


def savings_page(seen: SavedParts, settings: Settings, width: int) -> list[Content]:
    """The sum, what is known of it and what is not, and a row a day, week or session."""
    total = seen.total
    if not total.calls:
        return [line("No Implement calls yet."), line(("They are counted as they come.", MUTED))]
    share = percent(100 * total.local / total.calls)
    held = f"; {count(total.held_out)} went to the cloud for comparison" if total.held_out else ""
    more = f"; of {plural(total.uncounted, 'call')} not known" if total.uncounted else ""
    told = (
        ("calls", f"{count(total.calls)} of Implement, {share} answered locally{held}"),
        ("tokens", f"{count(total.tokens_local)} stayed local{more}"),
        ("money", words.usd(total)),
        ("waiting", words.seconds(total)),
        ("success", words.parity(total)),
        *([("tasks", paired_tasks(total.paired, settings))] if total.paired.count else []),
    )
    lines = [line(("SAVED, against all calls to the cloud", TITLE)), line("")]
    for name, said in told:
        lines += labelled(line((name.ljust(_LABEL), MUTED)), line((said, "bold")), width)
    lines += [line(""), line((f"BY {seen.by.upper()}", TITLE)), line("")]
    lines += _table(seen.parts, width)
    if seen.left_out:
        older = f"{plural(seen.left_out, 'older one')} left out; code reflex savings has all"
        lines += [line(""), line((older, MUTED))]
    lines.append(line(""))
    for each in words.unknown(total, settings):
        lines += labelled(line(("· ", MUTED)), line((each, MUTED)), width)
    return [left(each, width) for each in lines]


def _table(parts: Sequence[Savings], width: int) -> list[Content]:
    """A row each; where there is room intervals stand beside their figure, else below it.

    In a narrow terminal the share that was answered locally gives way to them.
    """
    full, narrow = width >= _FULL, width < _WITH_SHARE
    gap = " " if narrow else "  "
    before = _NAME + _COUNT + (0 if narrow else _SHARE) + (1 + _BAR + _TOKENS if full else 0)
    figure = max(_FIGURE, (width - before) // 3 - len(gap))
    beside = figure >= _WITH_INTERVAL
    extra = (" " * (1 + _BAR), right("tokens", _TOKENS)) if full else ()
    named = [piece for name in _FIGURES for piece in (gap, left(name, figure))]
    local = () if narrow else (right("local", _SHARE),)
    head = line(" " * _NAME, right("calls", _COUNT), *local, *extra, *named)
    lines = [line((head.plain, MUTED))]
    for one in parts:
        found = [words.brief_usd(one), words.brief_seconds(one), words.brief_parity(one)]
        share = one.local / one.calls if one.calls else 0.0
        bar = ("━" * round(share * _BAR)).ljust(_BAR)
        more = (" ", (bar, "$reflex"), right(count(one.tokens_local), _TOKENS)) if full else ()
        said = [f"{value}  {reach}" if beside else value for value, reach in found]
        figures = [piece for each in said for piece in (gap, left(each, figure))]
        known = (left(one.name, _NAME), right(count(one.calls), _COUNT))
        local = () if narrow else (right(percent(100 * share), _SHARE),)
        lines.append(line(*known, *local, *more, *figures))
        if not beside and any(reach for _, reach in found):
            below = [piece for _, reach in found for piece in (gap, left(reach, figure))]
            lines.append(line((" " * before + line(*below).plain, MUTED)))
    return lines
