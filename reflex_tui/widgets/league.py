"""Reports as a league table: who solved how much, how surely, how fast, and whether it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.reactive import reactive

from core.figures import NONE, duration, percent
from core.router.lapses import disqualifying, mark
from core.settings.suites import DEFAULT_SUITES, counts
from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.model.reports import measured
from reflex_tui.widgets.gate import VERDICTS
from reflex_tui.widgets.lines import MUTED, bars, left, line, right, title
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.content import Content

    from reflex_tui.model.reports import ListedReport

_WHEN, _MARK, _SOLVED, _P95, _JSON = 12, 2, 9, 9, 8
# Where there is no last column, the verdict says whether it counts.
_VERDICT, _VERDICT_ALONE = 14, 18
_MODEL, _SUITE, _PARITY, _SHORT_PARITY, _COUNTS = 17, 20, 15, 8, 18
# From these widths on there are the suite, the bound and the last column; and compliance.
_WIDE, _WIDEST = 110, 130
_TREND = 12
_DEMOTED = "demoted"


class Sizes(NamedTuple):
    """How many cells the columns take that not every width has."""

    model: int
    suite: int
    parity: int
    json: int
    verdict: int
    counts: int

    @classmethod
    def at(cls, width: int) -> Sizes:
        """Those of ``width`` cells."""
        fixed = _WHEN + _MARK + _SOLVED + _P95
        if width < _WIDE:
            room = max(0, width - fixed - _SHORT_PARITY - _VERDICT_ALONE)
            return cls(room, 0, _SHORT_PARITY, 0, _VERDICT_ALONE, 0)
        compliance = _JSON if width >= _WIDEST else 0
        room = width - fixed - _PARITY - compliance - _SUITE - _MODEL - _VERDICT
        more = max(0, min(14, room - _COUNTS))
        return cls(_MODEL + more, _SUITE, _PARITY, compliance, _VERDICT, max(0, room - more))


def report_header(width: int) -> Content:
    """Names of the columns of ``report_line``."""
    sizes = Sizes.at(width)
    parity = "PARITY (bound)" if sizes.suite else "PARITY"
    names = (
        left("WHEN", _WHEN + _MARK),
        left("MODEL", sizes.model),
        left("SUITE", sizes.suite),
        right("SOLVED", _SOLVED),
        right(parity, sizes.parity),
        right("P95", _P95),
        right("JSON", sizes.json),
        "  ",
        left("VERDICT", sizes.verdict - 2),
        left("COUNTS?", sizes.counts),
    )
    return line(*names).stylize(MUTED)


def report_line(
    report: ListedReport,
    width: int,
    *,
    marked: bool = False,
    suites: Sequence[str] = DEFAULT_SUITES,
    demoted: bool = False,
) -> Content:
    """A report in columns; ``marked`` is the baseline of comparisons.

    Passes on ``suites`` count, but not one that was ``demoted``: live calls took it away.
    """
    at = report.at
    when = left(f"{at.astimezone():%m-%d %H:%M}" if at else NONE, _WHEN)
    sign = left(line(("◆" if marked else "", "$reflex")), _MARK)
    if report.problem:
        return line(when, sign, (f"✖ {report.problem}", BAD), (f"   {report.name}", MUTED))
    sizes = Sizes.at(width)
    verdict = VERDICTS.get(report.verdict) or (report.verdict or "unknown", MUTED)
    counted = _counts(report, suites, demoted=demoted)
    if not sizes.counts and report.verdict == "pass" and not counted.yes:
        verdict = counted.alone, counted.style
    figures = measured(report)
    parity = percent(figures.parity)
    if sizes.suite and figures.parity_bound is not None:
        parity += f" (≥ {figures.parity_bound:.0f})"
    solved = NONE if report.tasks is None else f"{report.solved}/{report.tasks}"
    return line(
        when,
        sign,
        left(report.model or NONE, max(0, sizes.model - 1)),
        " " * (sizes.model > 0),
        left(report.suite or NONE, sizes.suite),
        right(solved, _SOLVED),
        right(parity, sizes.parity),
        right(duration(figures.p95), _P95),
        right(percent(figures.json), sizes.json),
        "  ",
        left(line(verdict), sizes.verdict - 2),
        left(line((counted.words(sizes.counts), counted.style)), sizes.counts),
    )


class Counted(NamedTuple):
    """Whether a report may enable reflex: if not ``why``, in a word and perhaps in a sentence."""

    style: str
    why: str = ""
    sentence: str = ""

    def words(self, room: int) -> str:
        """What the last column says in ``room`` cells."""
        if self.yes:
            return "yes"
        said = f"no: {self.sentence}"
        return said if self.sentence and len(said) <= room else f"no: {self.why}"

    @property
    def yes(self) -> bool:
        """It may."""
        return not self.why

    @property
    def alone(self) -> str:
        """What a pass is called that does not count, where there is no last column."""
        if self.why == _DEMOTED:
            return f"✖ {_DEMOTED}"
        said = f"▲ pass: {self.why}"
        return said if len(said) <= _VERDICT_ALONE - 2 else "▲ not counted"


def _counts(report: ListedReport, suites: Sequence[str], *, demoted: bool) -> Counted:
    if demoted:
        return Counted(BAD, _DEMOTED)
    if report.verdict == "fail":
        return Counted(MUTED, "failed")
    marks = disqualifying(report.stamps, in_demo="demo" in report.stamps)
    if marks:
        return Counted(POOR, marks[0], mark(marks[0]).sentence)
    match report.verdict:
        case "pass" if not counts(report.suite_root, suites):
            return Counted(POOR, "unlisted")
        case "pass":
            return Counted(GOOD)
        case _:
            return Counted(MUTED, "undecided")


class TrendSection(Section):
    """How ``report``'s model did in ``reports`` of the same suite over time, newest last."""

    report: reactive[ListedReport | None] = reactive(None, layout=True)
    reports: reactive[tuple[ListedReport, ...]] = reactive((), layout=True)

    def lines(self, width: int) -> list[Content]:
        """One line below a gap; nothing while there is a single report."""
        chosen = self.report
        if chosen is None or chosen.problem:
            return []
        same = [
            measured(each)
            for each in reversed(self.reports)
            if (each.model, each.suite) == (chosen.model, chosen.suite) and not each.problem
        ][-_TREND:]
        if len(same) < 2:  # noqa: PLR2004  one point is no trend
            return []
        parity = [each.parity for each in same]
        p95 = [each.p95 for each in same]
        shown = title(
            "TREND",
            (f"{len(same)} reports   ", MUTED),
            ("parity ", MUTED),
            (_spark(parity), "$reflex"),
            f" {percent(parity[0])} → {percent(parity[-1])}",
            ("   P95 ", MUTED),
            (_spark(p95), "$reflex"),
            f" {duration(p95[0])} → {duration(p95[-1])}",
        )
        gap = [line("")] if self.screen.has_class("-tall") else []
        return [*gap, left(shown, width)]


def _spark(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return bars(values, max(known, default=1.0), len(values))[0]
