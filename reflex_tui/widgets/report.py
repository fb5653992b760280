"""The selected report: gate, marks, distribution of latencies, tasks solved by one side only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.figures import duration, nearest_rank
from core.harness.report.origins import SHIPPED
from core.plain import plain
from core.settings.model import Thresholds
from reflex_tui.model.gate import BAD, criteria
from reflex_tui.widgets.gate import PAST, VERDICTS, criterion_line
from reflex_tui.widgets.lines import (
    LABEL,
    MUTED,
    bars,
    fitting,
    labelled,
    left,
    line,
    right,
    spread,
    title,
)
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.trials import ARM_STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.report.origins import OriginShare
    from reflex_tui.model.reports import Detail, ListedReport


_LEAST_MS = 1.0
_FIGURE = 10
_LEAST_CHART = 20
_MOST_BINS = 56


class ArmLatency(Section):
    """``latencies`` by arm, in ms (∞: no reply came), the candidate first; ``rows`` each."""

    latencies: reactive[Mapping[str, Sequence[float]]] = reactive(dict, layout=True)
    limit_ms: reactive[float] = reactive(2000.0)
    rows: reactive[int] = reactive(1, layout=True)

    def lines(self, width: int) -> list[Content]:
        """A heading, the arms, the axis; one line where there is nothing to draw."""
        heading = _heading(width)
        came = [ms for values in self.latencies.values() for ms in values if math.isfinite(ms)]
        if not came:
            return [heading, line(("no call got a reply", MUTED))]
        axis = _Axis(came, self.limit_ms, max(_LEAST_CHART, width - LABEL - 3 * _FIGURE))
        lines = [heading]
        for (arm, values), style in zip(self.latencies.items(), ARM_STYLE, strict=False):
            lines += _arm(arm, values, style, axis, self.rows)
        return [left(each, width) for each in [*lines, axis.foot()]]


class _Axis:
    """A logarithmic axis of ``width`` columns with the limit's place on it."""

    def __init__(self, came: Sequence[float], limit_ms: float, width: int) -> None:
        self.width = width
        self.limit_ms = limit_ms
        self.thick = max(1, width // _MOST_BINS)
        self._low = max(_LEAST_MS, min(*came, limit_ms) / 1.25)
        self._high = max(*came, limit_ms * 1.25, 2 * self._low)
        self.at_limit = self.column(limit_ms)

    def column(self, ms: float) -> int:
        """Where a latency stands."""
        share = math.log(max(ms, self._low) / self._low) / math.log(self._high / self._low)
        bins = self.width // self.thick
        return min(bins - 1, int(share * bins)) * self.thick

    def foot(self) -> Content:
        """The ends, and what the line is."""
        ends = [" "] * self.width
        low, high = duration(self._low), duration(self._high)
        marked = f"┊ limit {duration(self.limit_ms)}"
        at = self.at_limit
        if at + len(marked) > self.width:
            marked = f"limit {duration(self.limit_ms)} ┊"
            at = max(0, self.at_limit + 1 - len(marked))
        for place, text in ((0, low), (self.width - len(high), high)):
            # An end that would run into the limit's mark is left out.
            if place + len(text) < at or place > at + len(marked):
                ends[place : place + len(text)] = text
        ends[at : at + len(marked)] = marked
        foot = Content("".join(ends[: self.width])).stylize(MUTED)
        return line(" " * LABEL, foot.stylize("$warning", at, at + len(marked)))


def _heading(width: int) -> Content:
    told = "distribution of calls" if width > 70 else ""  # noqa: PLR2004  fits
    names = Content("").join(
        right(line((name, MUTED)), _FIGURE) for name in ("P50", "P95", "no reply")
    )
    start = title("LATENCY", (told, MUTED))
    return left(start, max(0, width - names.cell_length)) + names


def _arm(arm: str, values: Sequence[float], style: str, axis: _Axis, rows: int) -> list[Content]:
    counts = [0.0] * axis.width
    for ms in values:
        if math.isfinite(ms):
            for cell in range(axis.thick):
                counts[axis.column(ms) + cell] += 1
    drawn = bars(counts, max(counts) or 1.0, axis.width, rows)
    lost = sum(1 for ms in values if math.isinf(ms))
    figures = Content("").join(
        right(text, _FIGURE)
        for text in (
            duration(nearest_rank(values, 50)),
            duration(nearest_rank(values, 95)),
            line((f"✖ {lost}", "$error") if lost else ("0", MUTED)),
        )
    )
    lines = []
    for number, row in enumerate(drawn):
        last = number == len(drawn) - 1
        name = line((plain(arm, LABEL - 1).ljust(LABEL), f"bold {style}")) if last else " " * LABEL
        lines.append(line(name, _ruled(row, style, axis), figures if last else ""))
    return lines


def _ruled(row: str, style: str, axis: _Axis) -> Content:
    at = axis.at_limit
    rule = ("┊", "$warning") if row[at] == " " else (row[at], "$warning")
    return line((row[:at], style), rule, (row[at + 1 :], style))


_NAME, _TASKS, _SHARE, _MOST_BAR = 18, 6, 12, 20


def origin_lines(origins: Sequence[OriginShare], width: int) -> list[Content]:
    """What each arm solved by where the tasks come from, a line an origin or language."""
    if not origins:
        return []
    arms = list(zip(origins[0].arms, ARM_STYLE, strict=False))
    room = (width - _NAME - _TASKS) // max(1, len(arms))
    bar = max(0, min(_MOST_BAR, room - _SHARE - 2))
    heads = [
        line(right(line((plain(arm, _SHARE - 2), f"bold {style}")), _SHARE), " " * (bar + 2))
        for arm, style in arms
    ]
    names = line(left(title("ORIGIN"), _NAME), right(line(("tasks", MUTED)), _TASKS), *heads)
    lines = [left(names, width)]
    for one in origins:
        cells: list[Content] = []
        for (won, made), (_, style) in zip(one.arms.values(), arms, strict=False):
            filled = round(bar * won / made) if made else 0
            told = f"{won} of {made}" if made else "not asked"
            drawn = line("  ", ("━" * filled, style), ("─" * (bar - filled), MUTED))
            cells += [right(told, _SHARE), drawn]
        row = line(left(one.name, _NAME), right(str(one.tasks), _TASKS), *cells)
        lines.append(left(row, width))
    return lines


class OriginSection(Section):
    """What of the chosen report was solved by where its tasks come from."""

    origins: reactive[tuple[OriginShare, ...]] = reactive((), layout=True)

    def watch_origins(self) -> None:
        """It is there where not all tasks are the package's own."""
        self.set_class(
            bool(self.origins) and {one.name for one in self.origins} != {SHIPPED}, "-some"
        )

    def lines(self, width: int) -> list[Content]:
        """A heading and a line for each."""
        return origin_lines(self.origins, width)


class ReportSection(Section):
    """The gate table of one report, its stamps, and where it lies.

    ``demoted`` says why live calls took its pass away; empty where they did not.
    """

    demoted: reactive[str] = reactive("", layout=True)
    report: reactive[ListedReport | None] = reactive(None, layout=True)
    thresholds: reactive[Thresholds] = reactive(Thresholds)

    def lines(self, width: int) -> list[Content]:
        """A title, three criteria, what would decide it, the file."""
        if self.report is None:
            return []
        report = self.report
        if report.problem:
            return [title("REPORT", report.name), line((f"✖ {report.problem}", BAD))]
        past = bool(self.demoted)
        verdict, style = (PAST if past else VERDICTS).get(report.verdict, ("", MUTED))
        told = line((verdict, f"bold {style}"))
        # The list cuts long names, and the ends are what tells models of a family apart.
        whole = title("GATE", report.model, (" on ", MUTED), report.suite)
        short = title("GATE", report.suite)
        judged = fitting([whole, short] if report.model else [short], width - told.cell_length - 2)
        lines = [spread(judged, told, width)]
        if past:
            since = line((f"✖ demoted since: {self.demoted}", BAD))
            lines += labelled(line(" " * LABEL), since, width)
        if report.stamps:
            stamped = line(("marked ", MUTED), (", ".join(report.stamps), "$warning"))
            lines += labelled(line(" " * LABEL), stamped, width)
        table = criteria(report.gate, self.thresholds)
        lines += [criterion_line(each, width, past=past) for each in table]
        if report.decides:
            label = line(("needed for a verdict: ", MUTED))
            lines += labelled(label, line(plain(report.decides, 600)), width)
        if self.screen.has_class("-tall"):
            where = line((plain(report.path, 500), MUTED))
            lines += [line(""), *labelled(title("REPORT"), where, width)]
        return [left(each, width) for each in lines]


class OneSideSection(Section):
    """The tasks that only one arm solved, a line an arm; Enter on the report shows the diffs."""

    detail: reactive[Detail | None] = reactive(None, layout=True)

    def lines(self, width: int) -> list[Content]:
        """A title and a line for each arm that solved something alone."""
        if self.detail is None:
            return []
        names = self.detail.report.pair
        told = "Enter shows the diffs"
        lines = [title("SOLVED BY ONE SIDE ONLY", ("   " + told, MUTED))]
        for name, style, won in zip(names, ARM_STYLE, ("first", "second"), strict=True):
            tasks = [one.task for one in self.detail.alone if one.won == won]
            named = ", ".join(plain(task, 80) for task in tasks) or "none"
            count = f"{len(tasks)} alone".ljust(9)
            label = (plain(name, LABEL - 1).ljust(LABEL), f"bold {style}")
            lines += labelled(line(label, count), line((named, "" if tasks else MUTED)), width)
        return [left(each, width) for each in lines]
