"""The strip of benefits, what shadow calls showed, and the newest decisions in brief."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.figures import NONE, clock_time, duration, percent, plural, usd
from core.stages import Mode, Reason
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR
from reflex_tui.model.rows import RowOutcome
from reflex_tui.watch.announcements import CommandWanted
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, fitting, left, line, right, spread, title
from reflex_tui.widgets.section import UNREADABLE, Section

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from textual.content import Content
    from textual.geometry import Size

    from core.monitor.pairs import PairedTasks
    from core.monitor.savings import Savings
    from core.router.shadowed import ShadowSummary
    from reflex_tui.model.benefits import Benefits
    from reflex_tui.model.rows import Row


_GAP = "   "
PRICES = "price_input_per_million and price_output_per_million"

KEPT = 40
_TIME, _MODE, _TOTAL = 13, 8, 9
_FIGURE, _SHARE, _LEAST_BAR, _MOST_BAR, _MOST_REASONS = 7, 7, 4, 24, 5


class BenefitsSection(Section):
    """``benefits`` of today's calls (None: not read yet) and the ``shadow`` summary, if any.

    ``sample`` is the share (0 to 1) of the cloud's calls that are shadowed now, ``share`` how much
    of the evidence has been read while there are no benefits yet. ``saved`` is what the hold-out
    proves of today, if there is one.
    """

    benefits: reactive[Benefits | None] = reactive(None, layout=True)
    shadow: reactive[ShadowSummary | None] = reactive(None, layout=True)
    sample: reactive[float] = reactive(0.0, layout=True)
    saved: reactive[Savings | None] = reactive(None, layout=True)
    share: reactive[float] = reactive(0.0)
    broken: reactive[bool] = reactive(default=False)

    def on_click(self) -> None:
        """The strip opens the savings page."""
        self.post_message(CommandWanted.named("savings"))

    def lines(self, width: int) -> list[Content]:
        """The strip, what would complete it where there is room, and the shadow calls."""
        if self.benefits is None:
            read = f", {percent(round(100 * self.share))}" if self.share else ""
            told = (f"◌ reading the evidence{read} …", MUTED)
            return [left(title("TODAY", UNREADABLE if self.broken else told), width)]
        tall = self.screen.has_class("-tall")
        rows = _rows(self.benefits, width, shown_key(self.app, "health.savings", "b"))
        lines = rows if tall else [fitting(_strips(self.benefits), width)]
        if not self.benefits.priced and self.benefits.calls:
            hint = f"to see the cost saved, set {PRICES} in [cloud]"
            short = "set the prices in [cloud] to see savings"
            lines.append(
                fitting([line(" " * LABEL, (text, MUTED)) for text in (hint, short)], width)
            )
        if self.saved is not None:
            lines.append(fitting(_proven(self.saved), width))
        if self.shadow is not None and self.shadow.calls:
            lines.append(fitting(_shadows(self.shadow, self.sample), width))
        if self.shadow is not None and self.shadow.tasks.count:
            lines.append(fitting(_checked(self.shadow.tasks, first=not self.shadow.calls), width))
        return lines


def _strips(benefits: Benefits) -> list[Content]:
    """The strip, the longest first."""
    if not benefits.calls:
        none = title("TODAY", ("no calls yet", MUTED))
        if benefits.parity_percent is None:
            return [none]
        solved = _figure(percent(_whole(benefits.parity_percent)))
        return [none + line(f"{_GAP}success against the cloud ", solved), none]
    quick = _figure(percent(_whole(benefits.quick_percent)))
    saved = _figure(usd(benefits.saved_usd) if benefits.priced else NONE)
    kept = _figure(percent(_whole(benefits.kept_percent)))
    parity = _figure(percent(_whole(benefits.parity_percent)))
    calls = plural(benefits.calls, "call")
    where = "stayed local" if benefits.on_machine else "stayed off the cloud"
    short = "stayed local" if benefits.on_machine else "off the cloud"
    at_least = "saved at least " if benefits.uncounted and benefits.priced else "saved "
    against, solved = "success against the cloud ", parity
    if benefits.parity_percent is None:
        against, solved = f"success against the cloud: {benefits.no_parity}", ("", "")
    return [
        title("TODAY", (calls, MUTED), _GAP, "under a second ", quick, _GAP,
              at_least, saved, _GAP, kept, f" of tokens {where}", _GAP, against, solved),
        title("TODAY", "under a second ", quick, _GAP,
              "saved ", saved, _GAP, kept, f" of tokens {short}", _GAP, "parity ", parity),
        title("TODAY", "under a second ", quick, "  ", "saved ", saved, "  ",
              kept, f" {short}  ", "parity ", parity),
        title("TODAY", "< 1 s ", quick, "  ", saved, " saved  ", kept, " local"),
    ]  # fmt: skip


def _rows(benefits: Benefits, width: int, key: str) -> list[Content]:
    """The same, a row for each: what a narrow column has room for; ``key`` opens the page."""
    if not benefits.calls:
        return [fitting(_strips(benefits), width)]
    quick = _figure(percent(_whole(benefits.quick_percent)))
    saved = _figure(usd(benefits.saved_usd) if benefits.priced else NONE)
    kept = _figure(percent(_whole(benefits.kept_percent)))
    parity = _figure(percent(_whole(benefits.parity_percent)))
    where = "stayed local" if benefits.on_machine else "stayed off the cloud"
    least = " at least" if benefits.uncounted and benefits.priced else ""
    calls = plural(benefits.calls, "call")
    solved: tuple[str, ...] = ("success against the cloud",)
    if benefits.parity_percent is None:
        solved = tuple(f"{way}: {benefits.no_parity}" for way in (solved[0], "success parity"))
    rows = (
        (quick, (f"of {calls} took under a second", f"of {calls} in under a second")),
        (saved, (f"saved{least}, at the cloud's prices",)),
        (kept, (f"of all tokens {where}",)),
        (parity, solved),
    )
    lines = []
    room = max(_FIGURE, *(len(text) for (text, _), _ in rows))
    for number, (figure, ways) in enumerate(rows):
        label = (("TODAY" if number == 0 else "").ljust(LABEL), TITLE)
        start = line(label, right(line(figure), room), "  ")
        lines.append(fitting([line(start, way) for way in ways], width))
    by_day = line((key, "bold $reflex"), (" by day", MUTED))
    if lines[0].cell_length + by_day.cell_length < width:
        lines[0] = spread(lines[0], by_day, width)
    return [left(each, width) for each in lines]


def _proven(saved: Savings) -> list[Content]:
    """What the comparison with the held-out calls shows, the longest first."""
    start = line(("proven".ljust(LABEL), MUTED))
    held = (f"{saved.held_out} held out, {saved.compared} compared", MUTED)
    if saved.seconds is None:
        few = f"too few calls yet: {saved.held_out} held out, {saved.compared} compared"
        return [line(start, (few, MUTED)), line(start, ("too few calls yet", MUTED))]
    from reflex_tui.model import savings  # statistics cost the first paint

    waiting = line("waiting ", _figure(savings.seconds(saved)))
    money = None if saved.usd is None else line("saved ", _figure(savings.usd(saved)))
    both = waiting if money is None else line(money, _GAP, waiting)
    return [line(start, both, _GAP, held), line(start, both), line(start, money or waiting)]


def _shadows(shadow: ShadowSummary, sample: float) -> list[Content]:
    agreed = _figure(percent(_whole(shadow.agreed_percent)))
    calls = plural(shadow.calls, "call")
    failed = (f"{shadow.failed} failed", BAD if shadow.failed else MUTED)
    times = f"P50 {duration(shadow.p50_ms)}{_GAP}P95 {duration(shadow.p95_ms)}"
    now = (
        f"{_GAP}now {100 * sample:g} % of the cloud's calls" if sample else f"{_GAP}now off",
        MUTED,
    )
    start = line(("shadow".ljust(LABEL), MUTED))
    return [
        line(start, agreed, f" of {calls} agreed with the cloud", _GAP, failed, _GAP, times, now),
        line(start, agreed, f" of {calls} agreed", _GAP, failed, _GAP, times),
        line(start, agreed, f" of {calls} agreed", "  ", times),
        line(start, agreed, f" of {calls} agreed"),
        line(start, agreed, " agreed"),
    ]


def _checked(tasks: PairedTasks, *, first: bool) -> list[Content]:
    """Who solved the tasks that both worked on."""
    start = line((("shadow" if first else "").ljust(LABEL), MUTED))
    whole = plural(tasks.count, "task")
    ours, theirs = _figure(str(tasks.reflex)), str(tasks.cloud)
    return [
        line(start, ours, f" of {whole} with a check solved, by the cloud {theirs}"),
        line(start, ours, f" of {whole} solved, cloud {theirs}"),
        line(start, ours, f" of {whole} solved"),
    ]


def _figure(text: str) -> tuple[str, str]:
    return (text, MUTED if text == NONE else f"bold {GOOD}" if text.startswith("$") else "bold")


def _whole(value: float | None) -> float | None:
    """Without decimals, and never rounded up to a hundred."""
    if value is None:
        return None
    return min(round(value), 99) if value < 100 else round(value)  # noqa: PLR2004


class ReasonsSection(Section):
    """Why the last hour's Implement calls went where they went: ``reasons`` with their counts."""

    reasons: reactive[Mapping[str, int] | None] = reactive(None, layout=True)
    broken: reactive[bool] = reactive(default=False)

    def lines(self, width: int) -> list[Content]:
        """A bar for each reason, the most frequent first."""
        counted = dict(self.reasons or {})
        whole = sum(counted.values())
        if self.reasons is None:
            return [title("WHY, 1 h", UNREADABLE if self.broken else ("◌ reading …", MUTED))]
        if not whole:
            return [title("WHY, 1 h", ("no Implement call in the last hour", MUTED))]
        shown = sorted(counted.items(), key=lambda item: -item[1])[:_MOST_REASONS]
        name = max(len(reason) for reason, _ in shown)
        bar = min(_MOST_BAR, width - LABEL - _SHARE - name - 4)
        lines = []
        for number, (reason, calls) in enumerate(shown):
            style = GOOD if reason == Reason.HEALTHY_AND_THRESHOLDS_MET else POOR
            share = percent(min(99, round(100 * calls / whole)) if calls < whole else 100)
            cells = max(1, round(bar * calls / whole)) if bar >= _LEAST_BAR else 0
            told = reason.ljust(name)
            start = (("WHY, 1 h" if number == 0 else "").ljust(LABEL), TITLE)
            row = line(start, told, right(share, _SHARE), "  ", ("━" * cells, style))
            lines.append(left(row, width))
        return lines


class RecentSection(Section):
    """As many of ``rows`` (oldest first; None: not read yet) as there is room for, newest last."""

    rows: reactive[tuple[Row, ...] | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)
    patience_s: reactive[float] = reactive(60.0)
    broken: reactive[bool] = reactive(default=False)

    def lines(self, width: int) -> list[Content]:
        """A title, and a line for each decision."""
        room = self.content_size.height - 1
        if room < 1:  # a title alone would say that there are none
            return []
        shown = self.rows[-room:] if self.rows else ()
        hint = "no decision yet" if self.rows == () else "newest last"
        if self.rows is None:
            hint = "◌ reading …"
        told = UNREADABLE if self.broken else (hint, MUTED)
        return [title("DECISIONS", told), *(self._row(row, width) for row in shown)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The title at least; the stylesheet gives it what is left."""
        return 1

    def _row(self, row: Row, width: int) -> Content:
        now = self.now or row.at
        outcome = row.outcome(now, self.patience_s)
        mode = Mode(row.title) if row.title in set(Mode) else None
        reason = line((("↳ " if row.fallback else "") + row.text, MUTED))
        end = line(duration(row.waited_ms))
        if outcome is RowOutcome.FAILED:
            reason = line((f"✖ {row.last.error if row.last else ''}", BAD))
        elif outcome is RowOutcome.PENDING:
            end = line(("…", MUTED))
        elif outcome is RowOutcome.UNKNOWN:
            reason = line(("? outcome_unknown", POOR))
        room = max(0, width - _TIME - _MODE - _TOTAL)
        return line(
            (left(clock_time(row.at, now), _TIME).plain, MUTED),
            (row.title[:_MODE].ljust(_MODE), MODE_STYLE[mode] if mode else ""),
            left(reason, room),
            right(end, _TOTAL),
        )
