"""What a planned bakeoff asks, takes and costs; or why it would be refused, and what to do."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.errors import ReflexError
from core.plain import plain, plain_block
from reflex_tui.widgets.condition import BAD, POOR
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import MUTED, TITLE, left, line
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.trial_grid import span
from reflex_tui.widgets.units import count, plural

if TYPE_CHECKING:
    from textual.content import Content

    from reflex_tui.panes.estimate import Estimate

_LABEL = 12
_MOST_LEFT_OUT = 3


class CostSection(Section):
    """Shows ``found``; while ``looking`` that is of earlier fields. ``ill``: the server is down."""

    found: reactive[Estimate | ReflexError | None] = reactive(None, layout=True)
    looking: reactive[bool] = reactive(default=True)
    ill: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """A label a line."""
        if self.found is None:
            return [line(("◌ reading the suite, and attacking the sandbox to see it hold", MUTED))]
        if isinstance(self.found, ReflexError):
            lines = _refused(self.found, width)
        else:
            lines = self._told(self.found, width)
        if self.looking:
            lines = [each.stylize("$muted") for each in lines]
        return [left(each, width) for each in lines]

    def _told(self, found: Estimate, width: int) -> list[Content]:
        rows = (
            ("ASKS", _scope(found, width - _LABEL)),
            ("CALLS", _calls(found)),
            ("TAKES", _time(found)),
            ("COSTS", _price(found)),
        )
        lines = [
            each
            for name, told in rows
            for each in hanging(line((name.ljust(_LABEL), TITLE)), told, width)
        ]
        if found.left_out:
            lines += _left_out(found, width)
        if found.limits:
            lines += _wrapped("▲ promotes nothing: ", found.limits, POOR, width)
        if self.ill:
            lines += _wrapped("▲ reflex is down: ", self.ill, POOR, width)
        return lines


def _scope(found: Estimate, width: int) -> Content:
    """How many tasks, and who is asked: beside it where there is room, else below."""
    part = "all" if found.selected == found.tasks else f"{found.selected} of"
    goes = f" × {plural(found.trials, 'trial')}" if found.trials > 1 else ""
    arms = " against ".join(plain(one.model, 40) for one in found.arms)
    tasks = f"{part} {plural(found.tasks, 'task')}{goes}"
    beside = f"   {arms}"
    fits = len(tasks) + len(beside) <= width
    return line(tasks, (beside if fits else f"\n{arms}", MUTED))


def _calls(found: Estimate) -> Content:
    least, most = found.calls
    each = (f"{a.name} {_between(a.calls_least, a.calls_most)}" for a in found.arms)
    return line(_between(least, most), (f"   {plain(', '.join(each), 200)}", MUTED))


def _between(least: int, most: int) -> str:
    return count(least) if least == most else f"{count(least)} to {count(most)}"


def _time(found: Estimate) -> Content:
    if found.seconds is None:
        return line("unknown yet", (f"   {found.basis}", MUTED))
    return line(f"about {span(found.seconds)}", (f"   {found.basis}", MUTED))


def _price(found: Estimate) -> Content:
    if found.usd is None:
        return line((found.usd_why, MUTED))
    paid = ", ".join(plain(a.model, 40) for a in found.arms if not a.local)
    return line(f"about ${found.usd:,.2f}", (f"   {paid}, at the prices in [cloud]", MUTED))


def _left_out(found: Estimate, width: int) -> list[Content]:
    some = found.left_out[:_MOST_LEFT_OUT]
    told = f"{len(found.left_out)} that the suite itself cannot use"
    lines = [line(("LEFT OUT".ljust(_LABEL), TITLE), told)]
    for one in some:
        lines += hanging(line(" " * _LABEL), line((plain(one, 300), MUTED)), width)
    if len(found.left_out) > len(some):
        lines.append(line(" " * _LABEL, (f"and {len(found.left_out) - len(some)} more", MUTED)))
    return lines


def _refused(error: ReflexError, width: int) -> list[Content]:
    lines = _wrapped("✖ ", error.message, BAD, width)
    for raw in plain_block(error.remedy, 1000).splitlines():
        lines += [line("  ", row) for row in wrap(raw, max(20, width - 2)) or [""]]
    return lines


def _wrapped(start: str, text: str, style: str, width: int) -> list[Content]:
    return [line((row, style)) for row in wrap(start + plain(text, 500), max(20, width))]
