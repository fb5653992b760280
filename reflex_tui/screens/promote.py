"""The confirmation before reflex is enabled or disabled: the line that changes, and why."""

from __future__ import annotations

from dataclasses import replace
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import ReflexError
from core.plain import plain, plain_block
from core.router import enable
from core.router.decision import decide
from core.settings.policy import PolicySnapshot
from core.stages import Stage
from reflex_tui.model.gate import (
    BAD,
    GOOD,
    MODE_STYLE,
    POOR,
    gate_condition,
    next_step,
    server_condition,
    why,
)
from reflex_tui.model.next_call import next_call
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import LABEL, MUTED, labelled, left, line
from reflex_tui.widgets.refusing import RefusesKeys

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

    from core.router.enable import Done, Proposal, SettingChange
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.latencies import Figures


def proposal_lines(
    proposal: Proposal, width: int, key: str, live: Figures | None = None
) -> list[Content]:
    """The gate, the line that would change, what the next call would do then; or the refusal.

    ``key`` begins a bakeoff on the pane below; ``live`` is what real calls took.
    """
    routing_view = proposal.routing_view
    lines = [_gate(routing_view), _server(routing_view, live), line("")]
    if proposal.refused:
        return [*lines, *_refusal(routing_view, width, key)]
    if not proposal.changes:
        state = "enabled" if proposal.on else "disabled"
        return [*lines, line((f"✓ reflex is {state} already: nothing to change", GOOD))]
    lines += [line((plain(proposal.path, 500), MUTED))]
    lines += [_change(each) for each in proposal.changes]
    if proposal.on:
        lines += [line(""), *_afterwards(routing_view, width)]
    else:
        lines += [line(""), *_told("From then on every Implement call goes to the cloud.", width)]
    return lines


def done_lines(done: Done, width: int, *, on: bool, live: Figures | None = None) -> list[Content]:
    """What was written, and the new state."""
    said = f"enabled = {'true' if on else 'false'}"
    return [
        line((f"✓ written   {plain(done.path.name, 80)}:{done.line}: ", f"bold {GOOD}"), said),
        line(""),
        _gate(done.routing_view),
        _server(done.routing_view, live),
        _next("next call ", done.routing_view),
        line(""),
        *_told("Runs already started keep their policy.", width),
    ]


def error_lines(error: ReflexError, width: int) -> list[Content]:
    """What went wrong, and what to do."""
    rows = wrap(f"✖ {plain(error.message, 600)}", max(20, width))
    lines = [line((row, f"bold {BAD}")) for row in rows]
    return [*lines, line(""), *_told(error.remedy, width)]


def _gate(routing_view: RoutingView) -> Content:
    state = gate_condition(routing_view.gate)
    label = (state.label, f"bold {state.style}")
    suite = plain((routing_view.gate.event or {}).get("suite", ""), 40)
    return line(("gate".ljust(LABEL), MUTED), label, (f"   {state.why}   {suite}".rstrip(), MUTED))


def _server(routing_view: RoutingView, live: Figures | None) -> Content:
    state = server_condition(routing_view, live)
    told = line(("server".ljust(LABEL), MUTED), (state.label, f"bold {state.style}"))
    model, reason = plain(routing_view.settings.reflex.model, 80), plain(state.why, 200)
    return line(told, (f"   {model}   {reason}", MUTED))


def _refusal(routing_view: RoutingView, width: int, key: str) -> list[Content]:
    gate = routing_view.gate
    head = f"✖ refused: no valid gate pass ({plain(gate.detail, 40)})"
    return [
        line((head, f"bold {BAD}")),
        *_told(why(gate), width),
        line(""),
        *_told(f"Nothing was written. {key} runs a bakeoff from here. Next step:", width),
        *(line("  ", (row, "$reflex")) for row in wrap(next_step(gate), max(20, width - 2))),
    ]


def _change(change: SettingChange) -> Content:
    style = BAD if change.sign == "-" else GOOD
    text = f"{change.sign} {plain(change.text, 200)}"
    return line((f"{change.number:>5} ", MUTED), (text, style))


def _afterwards(routing_view: RoutingView, width: int) -> list[Content]:
    """What the next Implement call would do if the file said so already."""
    settings = routing_view.settings
    enabled = settings.reflex.model_copy(update={"enabled": True})
    policy = PolicySnapshot.capture(type(settings)(enabled, settings.cloud, settings.source))
    decision = decide(
        policy, Stage.IMPLEMENT, routing_view.health, routing_view.breaker, routing_view.gate
    )
    found = next_call(replace(routing_view, policy=policy, decision=decision))
    lines = labelled(
        line("Then "), line((found.sentence, f"bold {MODE_STYLE[decision.mode]}")), width
    )
    stamps = (routing_view.gate.event or {}).get("stamps")
    if stamps:
        lines.append(line((f"marked {plain(', '.join(map(str, stamps)), 80)}", POOR)))
    lapses = "It lapses when model, server, suite, prompt or thresholds change."
    return [*lines, *_told(lapses, width)]


def _next(label: str, routing_view: RoutingView) -> Content:
    decision = routing_view.decision
    mode = (str(decision.mode), f"bold {MODE_STYLE[decision.mode]}")
    because = next_call(routing_view).because
    return line((label.ljust(LABEL), MUTED), "→ ", mode, (f": {because}", MUTED))


def _told(text: str, width: int) -> list[Content]:
    rows = plain_block(text, 1000).splitlines()
    return [line(row) for raw in rows for row in wrap(raw, max(20, width))]


class PromoteScreen(RefusesKeys, ModalScreen[None]):
    """Checks gate and file again, shows what would change, and writes it on request."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "Write it", id="promote.write"),
        Binding("escape,q", "close", "Close", id="promote.close"),
    ]

    class Looked(Message):
        """What would change, or why that cannot be told."""

        def __init__(self, found: Proposal | Done | ReflexError) -> None:
            super().__init__()
            self.found = found

    def __init__(self, settings: Settings, *, on: bool, live: Figures | None = None) -> None:
        super().__init__()
        self._settings = settings
        self._live = live
        self._on = on
        self._writing = False
        self.found: Proposal | Done | ReflexError | None = None

    def compose(self) -> ComposeResult:
        """A frame, the words in it, the keys below."""
        with Vertical(id="promote"):
            yield Static(id="promote-text", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Look."""
        title = "Enable reflex for Implement calls" if self._on else "Send all calls to the cloud"
        self.query_one("#promote").border_title = title
        self._look()

    def on_resize(self) -> None:
        """Fit the words."""
        self.call_after_refresh(self._show)

    def on_promote_screen_looked(self, message: Looked) -> None:
        """Show it."""
        self.found, self._writing = message.found, False
        self._show()
        self.refresh_bindings()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """There is something to write only where the gate allows it and the file lacks it."""
        if action != "write":
            return ""
        match self.found:
            case None:
                why = "Gate and file are still being checked"
            case enable.Proposal() if self._writing:
                why = "It is being written"
            case enable.Proposal(refused=True):
                why = "It is refused: there is no valid gate pass"
            case enable.Proposal() as proposal:
                why = "" if proposal.changes else "Nothing has to be changed"
            case enable.Done():
                why = "It is written already"
            case _:
                why = "It cannot be written: the reason is shown above"
        return why

    def action_write(self) -> None:
        """Write it."""
        if isinstance(self.found, enable.Proposal):
            self._writing = True
            self.refresh_bindings()
            self._write(self.found)

    def action_close(self) -> None:
        """Back."""
        self.dismiss()

    def _show(self) -> None:
        text = self.query_one("#promote-text", Static)
        width = self.query_one("#promote").content_size.width
        match self.found:
            case None:
                lines = [line(("◌ checking the gate and the file", MUTED))]
            case enable.Proposal() as proposal:
                key = shown_key(self.app, "bakeoff.new", "n")
                lines = proposal_lines(proposal, width, key, self._live)
            case enable.Done() as done:
                lines = done_lines(done, width, on=self._on, live=self._live)
            case error:
                lines = error_lines(error, width)
        text.update(line("\n").join(left(each, width) for each in lines))

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        found: Proposal | ReflexError
        try:
            found = enable.propose(self._settings, on=self._on)
        except ReflexError as error:
            found = error
        self.post_message(self.Looked(found))

    @work(thread=True, exclusive=True)
    def _write(self, proposal: Proposal) -> None:
        found: Done | ReflexError
        try:
            found = enable.carry_out(proposal, self._settings)
        except ReflexError as error:
            found = error
        self.post_message(self.Looked(found))
