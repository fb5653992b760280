"""What the confirmation says: the change and what follows from it, the refusal, the new state."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from core.plain import plain, plain_block
from core.policy import PolicySnapshot
from core.router.decision import decide
from core.stages import Stage
from reflex_tui.panes.bakeoff_words import EARNS_NOTHING
from reflex_tui.panes.criteria import MAKE_FIRST, why
from reflex_tui.widgets.condition import (
    BAD,
    GOOD,
    MODE_STYLE,
    POOR,
    gate_condition,
    reason_text,
    server_condition,
)
from reflex_tui.widgets.lines import LABEL, MUTED, line

if TYPE_CHECKING:
    from textual.content import Content

    from core.errors import ReflexError
    from core.router.outlook import Outlook
    from reflex_tui.promotion import Change, Done, Proposal


def proposal_lines(proposal: Proposal, width: int, key: str) -> list[Content]:
    """The gate, the line that would change, what the next call would do then; or the refusal.

    ``key`` begins a bakeoff on the pane below.
    """
    outlook = proposal.outlook
    lines = [_gate(outlook), _server(outlook), line("")]
    if proposal.refused:
        return [*lines, *_refusal(outlook, width, key)]
    if not proposal.changes:
        state = "enabled" if proposal.on else "disabled"
        return [*lines, line((f"✓ reflex is {state} already: nothing to write", GOOD))]
    lines += [line((plain(proposal.path, 500), MUTED))]
    lines += [_change(each) for each in proposal.changes]
    if proposal.on:
        lines += [line(""), *_afterwards(outlook, width)]
    else:
        lines += [line(""), *_told("Every Implement call goes to the cloud from then on.", width)]
    return lines


def done_lines(done: Done, width: int, *, on: bool) -> list[Content]:
    """What was written, and the new state."""
    said = f"enabled = {'true' if on else 'false'}"
    return [
        line((f"✓ written   {plain(done.path.name, 80)}:{done.line}: ", f"bold {GOOD}"), said),
        line(""),
        _gate(done.outlook),
        _server(done.outlook),
        _next("next call ", done.outlook),
        line(""),
        *_told("Runs that are under way keep the policy they began with.", width),
    ]


def error_lines(error: ReflexError, width: int) -> list[Content]:
    """What went wrong, and what to do."""
    rows = wrap(f"✖ {plain(error.message, 600)}", max(20, width))
    lines = [line((row, f"bold {BAD}")) for row in rows]
    return [*lines, line(""), *_told(error.remedy, width)]


def _gate(outlook: Outlook) -> Content:
    state = gate_condition(outlook.gate)
    label = (state.label, f"bold {state.style}")
    suite = plain((outlook.gate.event or {}).get("suite", ""), 40)
    return line(("gate".ljust(LABEL), MUTED), label, (f"   {state.why}   {suite}".rstrip(), MUTED))


def _server(outlook: Outlook) -> Content:
    state = server_condition(outlook)
    told = line(("server".ljust(LABEL), MUTED), (state.label, f"bold {state.style}"))
    model, reason = plain(outlook.settings.reflex.model, 80), plain(state.why, 200)
    return line(told, (f"   {model}   {reason}", MUTED))


def _refusal(outlook: Outlook, width: int, key: str) -> list[Content]:
    detail = outlook.gate.detail or ""
    head = f"✖ refused: no valid gate pass ({plain(detail, 40)})"
    stamps = {str(each) for each in (outlook.gate.event or {}).get("stamps") or ()}
    if stamps & EARNS_NOTHING:
        named = plain(", ".join(sorted(stamps)), 80)
        reason = f"the newest bakeoff is stamped {named}, and such a one promotes nothing here"
    else:
        reason = why(outlook.gate)
    return [
        line((head, f"bold {BAD}")),
        *_told(reason, width),
        line(""),
        *_told(f"Nothing is written. Earn it first: {key} runs a bakeoff from here, or", width),
        line("  $ ", (MAKE_FIRST, "$reflex")),
    ]


def _change(change: Change) -> Content:
    style = BAD if change.sign == "-" else GOOD
    text = f"{change.sign} {plain(change.text, 200)}"
    return line((f"{change.number:>5} ", MUTED), (text, style))


def _afterwards(outlook: Outlook, width: int) -> list[Content]:
    """What the next Implement call would do if it stood in the file already."""
    settings = outlook.settings
    enabled = settings.reflex.model_copy(update={"enabled": True})
    policy = PolicySnapshot.capture(type(settings)(enabled, settings.cloud, settings.source))
    decision = decide(policy, Stage.IMPLEMENT, outlook.health, outlook.breaker, outlook.gate)
    mode = (str(decision.mode), f"bold {MODE_STYLE[decision.mode]}")
    reason = (f": {reason_text(decision)}", MUTED)
    said = line("From then on the next Implement call → ", mode, reason)
    lines = [said if said.cell_length <= width else line("The next call then → ", mode, reason)]
    stamps = (outlook.gate.event or {}).get("stamps")
    if stamps:
        lines.append(line((f"stamped {plain(', '.join(map(str, stamps)), 80)}", POOR)))
    lapses = "It lapses when model, server, suite, prompt or thresholds change."
    return [*lines, *_told(lapses, width)]


def _next(label: str, outlook: Outlook) -> Content:
    decision = outlook.decision
    mode = (str(decision.mode), f"bold {MODE_STYLE[decision.mode]}")
    return line((label.ljust(LABEL), MUTED), "→ ", mode, (f": {reason_text(decision)}", MUTED))


def _told(text: str, width: int) -> list[Content]:
    rows = plain_block(text, 1000).splitlines()
    return [line(row) for raw in rows for row in wrap(raw, max(20, width))]
