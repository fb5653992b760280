"""What the sheets say: models, status, check. Pure functions from an outlook to lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.plain import plain
from reflex_tui.first_config import config_place
from reflex_tui.panes.criteria import MAKE_FIRST, criteria, why
from reflex_tui.widgets.condition import (
    BAD,
    GOOD,
    MODE_STYLE,
    breaker_condition,
    gate_condition,
    reason_text,
    server_condition,
)
from reflex_tui.widgets.gate import criterion_line
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import MUTED, left, line, right, title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.content import Content

    from core.router.outlook import Outlook
    from core.settings import Settings

_KEY = 32
WAIT = "Nobody has looked yet; a moment …"


def models_page(outlook: Outlook | None, width: int) -> list[Content]:
    """What the server serves, the configured model marked."""
    if outlook is None:
        return [line((WAIT, MUTED))]
    health = outlook.health
    lines = [line((health.endpoint, MUTED)), line("")]
    for model in health.models:
        mark = ("● ", GOOD) if model == health.model else ("  ", "")
        note = ("   configured", GOOD) if model == health.model else ("", "")
        lines.append(left(line(mark, plain(model, 200), note), width))
    if not health.models:
        lines += [line((f"✖ {health.summary}", BAD)), line("")]
        lines.append(line(("The health pane says what to do.", MUTED)))
    elif health.model not in health.models:
        missing = f"✖ {plain(health.model, 200)} is configured and not served"
        lines += [line(""), line((missing, BAD)), *(line(text) for text in health.remedy)]
    return lines


def check_page(outlook: Outlook | None, width: int) -> list[Content]:
    """Whether the gate holds now, its table, and what to do when it does not."""
    if outlook is None:
        return [line((WAIT, MUTED))]
    gate, thresholds = outlook.gate, outlook.policy.reflex.thresholds
    state = gate_condition(gate)
    age = (f", {state.why}" if state.why else "", MUTED)
    lines = [line((state.label, f"bold {state.style}"), age)]
    if not gate.valid:
        lines.append(line(why(gate)))
    lines += [line(""), *(criterion_line(each, width) for each in criteria(gate.event, thresholds))]
    if not gate.valid:
        lines += [line(""), line((MAKE_FIRST, "$reflex"))]
    return lines


def status_page(settings: Settings | None, outlook: Outlook | None, width: int) -> list[Content]:
    """What the next call would do, and every setting with where its value came from."""
    if settings is None:
        return [line(("There is no configuration that can be used.", MUTED))]
    source = settings.source
    lines = [
        *(_next_call(outlook) if outlook else [line((WAIT, MUTED))]),
        line(""),
        *hanging(title("workspace"), line(plain(source.root, 500)), width),
        *hanging(title("config"), line(config_place(settings)), width),
        *hanging(title("policy"), line(outlook.policy.policy_hash if outlook else ""), width),
    ]
    origin_width = 19
    value_width = max(8, width - _KEY - origin_width)
    table: tuple[str, ...] = ()
    for path, value in settings_values(settings):
        if path[:-1] != table:
            table = path[:-1]
            lines += [line(""), line((f"[{plain('.'.join(table), 80)}]", MUTED))]
        origin, name, shown = settings.origin(*path), plain(path[-1], 60), _shown(value)
        # A value that is longer than its column begins further left, while its name allows it.
        wider = max(0, min(len(shown) + 1 - value_width, _KEY - len(name) - 2))
        below = len(shown) > value_width + wider
        lines.append(
            line(
                left(name, _KEY - wider),
                right("" if below else shown, value_width + wider - 1),
                left(
                    line((f"  {origin}", MUTED if origin == "default" else "$reflex")), origin_width
                ),
            )
        )
        if below:
            lines += hanging(line("  "), line(shown), width)
    return [left(each, width) for each in lines]


def settings_values(settings: Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key's path and value, as in the file: a table's own keys before its tables."""
    for name, section in (("reflex", settings.reflex), ("cloud", settings.cloud)):
        yield from _leaves((name,), section.model_dump(mode="json"))


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in sorted(value.items(), key=lambda item: isinstance(item[1], dict)):
        yield from _leaves((*path, key), inner)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return plain(", ".join(map(str, value)), 200)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else plain(value, 200)


def _next_call(outlook: Outlook) -> list[Content]:
    decision = outlook.decision
    mode = (str(decision.mode), f"bold {MODE_STYLE[decision.mode]}")
    states = (
        ("server", server_condition(outlook)),
        ("gate", gate_condition(outlook.gate)),
        ("breaker", breaker_condition(outlook.breaker)),
    )
    return [
        line("next Implement call → ", mode, (f": {reason_text(decision)}", MUTED)),
        line(""),
        *(
            title(name, (left(state.label, 16).plain, state.style), (state.why, MUTED))
            for name, state in states
        ),
    ]
