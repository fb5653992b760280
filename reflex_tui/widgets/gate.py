"""The gate's table, the breaker, and where the evidence lies."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.reactive import reactive

from core.figures import ago, count
from core.plain import plain
from core.router.lapses import OUTCOMES
from reflex_tui.model.gate import (
    BAD,
    GOOD,
    POOR,
    CriterionRow,
    breaker_condition,
    gate_condition,
    next_step,
    why,
)
from reflex_tui.model.gate_table import gate_table
from reflex_tui.widgets.lines import LABEL, MUTED, fitting, left, line, right, spread, title
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.watched import evidence_bar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.router.view import RoutingView
    from reflex_tui.model.gate_table import GateTable

VERDICTS = {
    "pass": ("✓ pass", GOOD),
    "fail": ("✖ fail", BAD),
    "inconclusive": ("▲ undecided", POOR),
    "": ("", MUTED),
}
PAST = {
    "pass": ("passed", MUTED),
    "fail": ("failed", MUTED),
    "inconclusive": ("undecided", MUTED),
    "": ("", MUTED),
}
ENABLE = "code reflex enable"
_STORES = {
    "full_io": "prompts and replies",
    "prompts_only": "prompts, not replies",
    "none": "neither prompts nor replies",
}
_NAME, _VALUE, _THRESHOLD, _VERDICT = 15, 9, 10, 12
_GIVEN_UP = re.compile(r"^\w+ solved (\d+) at its first (\d+) tasks?;.*$")
_BOUND, _LEAST_BAR, _MOST_BAR = 19, 8, 48


class GateSection(Section):
    """Value, bound, threshold and verdict of each criterion, or what is still to be shown."""

    routing_view: reactive[RoutingView | None] = reactive(None, layout=True)

    def lines(self, width: int) -> list[Content]:
        """A title and three lines, and one more while it is not met."""
        if self.routing_view is None:
            return [title("GATE", ("◌ checking", MUTED)), line("")]
        gate, thresholds = self.routing_view.gate, self.routing_view.policy.reflex.thresholds
        state = gate_condition(gate)
        lines = [self._title(width, state.label, state.style)]
        lines += gate_lines(gate_table(gate, thresholds), width)
        if gate.valid and not self.routing_view.policy.reflex.enabled:
            hint = ("reflex is disabled; enable it:  ", MUTED), (ENABLE, "$reflex")
            lines.append(left(line(*hint), width))
        if not gate.valid:
            lines.append(left(line(("next:  ", MUTED), (next_step(gate), "$reflex")), width))
        return lines

    def _title(self, width: int, label: str, style: str) -> Content:
        assert self.routing_view is not None
        gate = self.routing_view.gate
        verdict = line((label, f"bold {style}"))
        if not gate.valid and (gate.event is None or gate.detail not in OUTCOMES):
            return left(title("GATE", (f"✖ {why(gate)}", BAD)), width)
        event = gate.event or {}
        marks = ", ".join(_stamps(event))
        age = "" if gate.age_days is None else f", {ago(gate.age_days * 86_400)}"
        stamped = (f"   marked {marks}" if marks else "", POOR)
        suite = plain(event.get("suite", ""), 40)
        room = width - verdict.cell_length - 2
        told = fitting(
            [title("GATE", suite, (age, MUTED), stamped), title("GATE", suite, stamped)], room
        )
        return spread(told, verdict, width)


def _stamps(event: Mapping[str, Any] | None) -> list[str]:
    stamps = (event or {}).get("stamps")
    return [plain(mark, 20) for mark in stamps] if isinstance(stamps, list) else []


def gate_lines(table: GateTable, width: int) -> list[Content]:
    """Why a pass was taken away, where the criteria come from, and the criteria."""
    lines = []
    if table.broken is not None:
        bar, since = evidence_bar(table.broken), (f"{table.since}: " if table.since else "")
        counted, told = table.broken.counted, table.broken.told
        head = title("demoted", since, f"{table.broken.name} ")
        ways = [line(head, bar, f" {told}"), line(head, told)]
        lines.append(fitting([*ways, line(head, counted)], width))
    if table.told:
        lines.append(fitting([line((way, MUTED)) for way in table.told], width))
    past = table.past
    return [*lines, *(criterion_line(each, width, past=past) for each in table.criteria)]


def criterion_line(criterion: CriterionRow, width: int, *, past: bool = False) -> Content:
    """One criterion in columns; the bound goes first where there is no room.

    One of the ``past`` says what was measured then, and has no verdict's colour.
    """
    verdict, style = (PAST if past else VERDICTS)[criterion.verdict]
    fixed = _NAME + _VALUE + _THRESHOLD + _VERDICT
    room = max(0, width - fixed)
    bar = min(_MOST_BAR, room - _BOUND)
    drawn = Content("")
    if bar >= _LEAST_BAR:
        drawn, room = line("  ", _drawn(criterion, bar - 2, style)), room - bar
    # What a bound proves comes after a comma: it is left out before words are cut.
    short = criterion.bound.partition(",")[0]
    shorter = short.replace(" first calls", "").replace(" replies", "")
    # Of a run that was given up early its count is enough here; the report says the rest.
    few = _GIVEN_UP.sub(r"solved \1 of \2", short)
    words = [criterion.bound, short, shorter, few, shorter.replace(" at or over", " ≥")]
    bound = fitting([line((f"  {each}", MUTED)) for each in words], room)
    return line(
        left(criterion.name, _NAME),
        line((right(criterion.value, _VALUE).plain, "bold")),
        drawn,
        left(bound, room),
        right(line((criterion.threshold, MUTED)), _THRESHOLD),
        right(line((verdict, style)), _VERDICT),
    )


def _drawn(criterion: CriterionRow, width: int, style: str) -> Content:
    """What is proven is solid, what was measured beyond it shaded; a stroke marks the limit."""
    bar = criterion.bar
    if bar is None:
        return line(("·" * width, "$rule"))
    # The limit's stroke stands between two cells' worth: what clears it ends before or behind it.
    limit = min(width - 1, round(bar.limit * (width - 1)))
    solid, shaded = sorted((bar.value, bar.bound))
    cells = []
    for cell in range(width):
        at = (cell + 0.5) / width
        if cell == limit:
            cells.append(("│", "bold $foreground"))
        elif at <= solid:
            cells.append(("━", style))
        elif at <= shaded:
            cells.append(("╍", style))
        else:
            cells.append(("─", "$rule"))
    return line(*cells)


class BreakerSection(Section):
    """The circuit breaker, with its countdown while it is open.

    ``seen_at`` is when ``routing_view`` came: the countdown goes on by ``now`` while the next look
    takes its time.
    """

    routing_view: reactive[RoutingView | None] = reactive(None)
    seen_at: reactive[datetime | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)

    def lines(self, width: int) -> list[Content]:
        """One line."""
        breaker = self.routing_view.breaker if self.routing_view else None
        if breaker and breaker.retry_in_s and self.seen_at and self.now:
            waited_s = (self.now - self.seen_at).total_seconds()
            breaker = replace(breaker, retry_in_s=max(0.0, breaker.retry_in_s - waited_s))
        state = breaker_condition(breaker)
        shown = title("BREAKER", (state.label, f"bold {state.style}"), "   ", (state.why, MUTED))
        return [left(shown, width)]


class EvidenceSection(Section):
    """The capsule in a line: how many events, how fresh, what is kept, under which policy."""

    routing_view: reactive[RoutingView | None] = reactive(None)
    loaded: reactive[bool] = reactive(default=False)
    broken: reactive[bool] = reactive(default=False)
    events: reactive[int] = reactive(0)
    newest: reactive[datetime | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)

    def lines(self, width: int) -> list[Content]:
        """A title with the count, and the policy below it."""
        age = ""
        if self.newest and self.now:
            age = ago(max(0.0, (self.now - self.newest).total_seconds()))
        state = title("EVIDENCE", self._state())
        first = fitting([line(state, (f"   newest {age}" if age else "", MUTED)), state], width)
        if self.routing_view is None:
            return [left(first, width), line("")]
        policy = self.routing_view.policy
        kept = f"stores {_STORES.get(policy.capture_mode, policy.capture_mode)}"
        policy_hash = (f"   policy {policy.policy_hash[7:15]}", MUTED)
        second = line(" " * LABEL, (kept, MUTED), policy_hash)
        return [left(first, width), left(second, width)]

    def _state(self) -> tuple[str, str]:
        if self.broken:
            return "✖ cannot be read; the routing pane says why", BAD
        if not self.loaded:
            return "◌ reading …", MUTED
        return (f"{count(self.events)} events" if self.events else "no events yet"), ""
