"""The top three lines: whose workspace and the tabs, who answers the next call and why, a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from reflex_tui.model.gate import (
    BAD,
    GOOD,
    Condition,
    breaker_condition,
    gate_condition,
    server_condition,
)
from reflex_tui.model.next_call import NextCall, next_call
from reflex_tui.watch.announcements import TabClicked
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import MUTED, fitting, line, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.events import Click

    from core.router.view import RoutingView
    from reflex_tui.model.latencies import Figures

_GAP = "   "
_EDGE = 1
_LEAST_NAME = 8


class Masthead(Widget):
    """Shows the routing view; a click on a tab, or ``active``, changes the pane.

    With ``no_evidence`` the capsule cannot be read, so that no call is sent, whatever is decided.
    """

    DEFAULT_CSS = """
    Masthead { height: 3; width: 1fr; text-wrap: nowrap; }
    """
    TABS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("health", "Health"),
        ("routing", "Routing"),
        ("bakeoff", "Bakeoff"),
    )

    routing_view: reactive[RoutingView | None] = reactive(None)
    live: reactive[Figures | None] = reactive(None)
    blocked: reactive[Condition | None] = reactive(None)
    no_evidence: reactive[bool] = reactive(default=False)
    active: reactive[str] = reactive("health")
    workspace: reactive[str] = reactive("")

    def __init__(self, workspace: str) -> None:
        super().__init__()
        self.workspace = workspace

    def render(self) -> Content:
        """Three lines of the widget's width."""
        width = self.content_size.width
        room = max(0, width - 2 * _EDGE)
        edge = " " * _EDGE
        rows = line(edge, self._tab_line(room)), line(edge, self._verdict_line(room))
        return Content("\n").join([*rows, line(("─" * width, "$rule"))])

    def on_click(self, event: Click) -> None:
        """A tab was clicked."""
        if tab := event.style.meta.get("tab"):
            self.post_message(TabClicked(str(tab)))

    def _tab_line(self, width: int) -> Content:
        """The name, the tabs, and at the right how server, gate and breaker are."""
        tabs = Content(" ").join(self._tab(number) for number in range(len(self.TABS)))
        states = fitting(self._states(), width - tabs.cell_length - len("Reflex") - 2 * len(_GAP))
        room = width - tabs.cell_length - states.cell_length - 2 * len(_GAP)
        name = line(("Reflex", "bold $reflex"))
        if room - name.cell_length > _LEAST_NAME:
            place = Content(self.workspace).truncate(room - name.cell_length - 2, ellipsis=True)
            name = line(name, "  ", place.stylize(MUTED))
        return spread(line(name, _GAP, tabs), states, width)

    def _states(self) -> Sequence[Content]:
        state = self.blocked or server_condition(self.routing_view, self.live)
        server = (state.label, f"bold {state.style}")
        if self.blocked or self.routing_view is None:
            return [line(server)]
        gate = gate_condition(self.routing_view.gate)
        breaker = breaker_condition(self.routing_view.breaker)
        verdict = ("gate ", MUTED), (gate.label, gate.style)
        age = (f", {gate.why}" if gate.why else "", MUTED)
        quiet = breaker.style == GOOD
        fuse = ("breaker ", MUTED), (breaker.word if quiet else breaker.label, breaker.style)
        why = (f" {state.why}" if state.word in {"failing", "slow", "busy"} else "", state.style)
        return [
            line(server, why, _GAP, *verdict, age, _GAP, *fuse),
            line(server, _GAP, *verdict, age, _GAP, *fuse),
            line(server, _GAP, *verdict, _GAP, *fuse),
            line(server, _GAP, *verdict),
            line(server),
        ]

    def _key(self, number: int) -> str:
        return shown_key(self.app, f"pane.{self.TABS[number][0]}", str(number + 1))

    def _tab(self, number: int) -> Content:
        name, text = self.TABS[number]
        active = name == self.active
        label = line(
            (f" {self._key(number)} ", "bold $reflex on $cursor" if active else MUTED),
            (f"{text} ", "bold $foreground on $cursor" if active else MUTED),
        )
        return label.stylize(Style.from_meta({"tab": name}))

    def _verdict_line(self, width: int) -> Content:
        """Who answers the next call, why, and where there is room the rule with its ticks."""
        if self.blocked is not None:
            return fitting([line((f"✖ {self.blocked.why}", BAD)), line("")], width)
        if self.routing_view is None:
            return line(("◌ looking at server, gate and breaker", MUTED))
        found = next_call(self.routing_view, no_evidence=self.no_evidence)
        ticks = line(
            *(
                piece
                for check in found.checks
                for piece in ((f"  {check.glyph} ", check.style), (check.words, MUTED))
            )
        )
        short_ticks = line(
            *(
                piece
                for check in found.checks
                for piece in ((f"  {check.glyph} ", check.style), (check.short, MUTED))
            )
        )
        said = _said(found)
        met = all(check.met for check in found.checks) and bool(found.who)
        # What all the ticks say already needs no words beside them.
        whole = [said[-2]] if met else said[:2]
        for sentence in whole:
            for end in (ticks, short_ticks):
                if sentence.cell_length + end.cell_length + len(_GAP) <= width:
                    return spread(sentence, end, width)
        return fitting(said, width)


def _said(found: NextCall) -> list[Content]:
    """The sentence, the longest first."""
    because = (f": {found.because}" if found.because else "", "")
    if not found.who:
        said = line((f"{found.glyph} {found.sentence}", f"bold {BAD}"))
        return [said, line((f"✖ not sent: {found.because}", BAD)), line(("✖ not sent", BAD))]
    glyph, who = (f"{found.glyph} ", found.style), (found.who, f"bold {found.style}")
    return [
        line(glyph, ("next Implement call → ", MUTED), who, because),
        line(glyph, ("next → ", MUTED), who, because),
        line(glyph, ("next Implement call → ", MUTED), who),
        line(glyph, ("→ ", MUTED), who),
    ]
