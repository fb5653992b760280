"""The top three lines: whose workspace, how it is, what the next call would do, and the tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from reflex_tui.model.gate import (
    BAD,
    GOOD,
    MODE_STYLE,
    Condition,
    breaker_condition,
    gate_condition,
    reason_text,
    server_condition,
)
from reflex_tui.watch.messages import TabClicked
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import MUTED, fitting, line, spread

if TYPE_CHECKING:
    from textual.events import Click

    from core.router.view import RoutingView
    from reflex_tui.model.latencies import Figures

_GAP = "   "
_EDGE = 1
_TAB_GAP = 3
_LEAST_NAME = 26
NOTHING_SENT = "✖ the next call is not sent: the evidence cannot be read"
_NOTHING_SENT = (
    NOTHING_SENT,
    "✖ not sent: evidence cannot be read",
    "✖ not sent",
)


class Masthead(Widget):
    """Shows the outlook; a click on a tab, or ``active``, changes the pane.

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

    outlook: reactive[RoutingView | None] = reactive(None)
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
        rows = [self._state_line(room), self._tab_line(room)]
        edge = " " * _EDGE
        text = Content("\n").join([*(line(edge, row) for row in rows), self._rule(width)])
        return Content.assemble(text)

    def on_click(self, event: Click) -> None:
        """A tab was clicked."""
        if tab := event.style.meta.get("tab"):
            self.post_message(TabClicked(str(tab)))

    def _state_line(self, width: int) -> Content:
        name = line(("Reflex", "bold $reflex"), "  ", (self.workspace, MUTED))
        state = self.blocked or server_condition(self.outlook, self.live)
        gate = gate_condition(self.outlook.gate if self.outlook else None)
        breaker = breaker_condition(self.outlook.breaker if self.outlook else None)
        server = (state.label, f"bold {state.style}")
        if self.blocked or self.outlook is None:
            return spread(name, line(server), width)
        verdict = ("gate ", MUTED), (gate.label, gate.style)
        age = (f", {gate.why}" if gate.why else "", MUTED)
        quiet = breaker.style == GOOD
        fuse = ("breaker ", MUTED), (breaker.word if quiet else breaker.label, breaker.style)
        told = fitting(
            [
                line(server, _GAP, *verdict, age, _GAP, *fuse),
                line(server, _GAP, *verdict, _GAP, *fuse),
                line(server, _GAP, *verdict),
                line(server),
            ],
            width - min(name.cell_length, _LEAST_NAME) - len(_GAP),
        )
        return spread(name, told, width, gap=len(_GAP))

    def _tab_line(self, width: int) -> Content:
        tabs = Content(" " * _TAB_GAP).join(self._tab(number) for number in range(len(self.TABS)))
        room = width - tabs.cell_length - len(_GAP)
        return spread(tabs, self._next_call(room), width)

    def _key(self, number: int) -> str:
        return shown_key(self.app, f"pane.{self.TABS[number][0]}", str(number + 1))

    def _tab(self, number: int) -> Content:
        name, text = self.TABS[number]
        active = name == self.active
        label = line(
            (self._key(number), "bold $reflex" if active else MUTED),
            " ",
            (text, "bold" if active else MUTED),
        )
        return label.stylize(Style.from_meta({"tab": name}))

    def _next_call(self, width: int) -> Content:
        if self.blocked is not None:
            return fitting([line((self.blocked.why, BAD)), line("")], width)
        if self.no_evidence:
            return fitting([line((text, BAD)) for text in _NOTHING_SENT], width)
        if self.outlook is None:
            return line("")
        decision = self.outlook.decision
        mode = (str(decision.mode), f"bold {MODE_STYLE[decision.mode]}")
        full, short = reason_text(decision), str(decision.reason)
        return fitting(
            [
                line(("next Implement call → ", MUTED), mode, (f": {full}", MUTED)),
                line(("next Implement call → ", MUTED), mode, (f": {short}", MUTED)),
                line(("next → ", MUTED), mode, (f": {full}", MUTED)),
                line(("next → ", MUTED), mode, (f": {short}", MUTED)),
                line(("→ ", MUTED), mode),
            ],
            width,
        )

    def _rule(self, width: int) -> Content:
        before = _EDGE
        for number, (name, text) in enumerate(self.TABS):
            length = len(self._key(number)) + 1 + len(text)
            if name == self.active:
                return line(
                    ("─" * before, "$rule"),
                    ("━" * length, "$reflex"),
                    ("─" * max(0, width - before - length), "$rule"),
                )
            before += length + _TAB_GAP
        return line(("─" * width, "$rule"))
