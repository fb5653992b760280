"""Sheets over the dashboard: help, models, status, check. Their text is pure functions."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.plain import plain
from reflex_tui.model.first_config import config_place
from reflex_tui.model.gate import (
    BAD,
    GOOD,
    breaker_condition,
    gate_condition,
    next_step,
    server_condition,
    why,
)
from reflex_tui.model.gate_table import gate_table
from reflex_tui.model.next_call import next_call
from reflex_tui.model.slash import COMMANDS
from reflex_tui.watch.announcements import CopyWanted
from reflex_tui.widgets.gate import gate_lines
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, labelled, left, line, right, title
from reflex_tui.widgets.refusing import RefusesKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.latencies import Figures

_USAGE, _SIGN, _FILE = 34, 20, 16
_KEY, _DOES, _ID = 7, 19, 17
_KEYED = _KEY + _DOES + _ID
SIGNS = (
    ("● up", "the server answers, has the model and is ready"),
    ("▲ slow", "it answers, but over the latency limit"),
    ("▲ failing", "it answers, but too many calls fail"),
    ("✖ down", "it does not answer; the remedy is shown beside"),
    ("◌", "not checked yet, or being read"),
    ("×", "a failed call; in the last hour: a minute in which the server was down"),
    ("·", "unknown: no call, or no probe"),
    ("↳", "a fallback: an earlier backend failed"),
    ("? outcome_unknown", "decided, but the end of the call was never recorded"),
)
_SETTING = 32
WAIT = "Checking …"


class Sheet(RefusesKeys, ModalScreen[None]):
    """Shows what ``build(width)`` returns, again when the terminal's size changes.

    ``copies`` is what ``c`` puts on the clipboard; without it there is no such key.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="sheet.close"),
        Binding("c", "copy", "Copy", id="sheet.copy"),
    ]

    def __init__(
        self, heading: str, build: Callable[[int], list[Content]], *, copies: str = ""
    ) -> None:
        super().__init__()
        self._heading = heading
        self._build = build
        self._copies = copies

    def compose(self) -> ComposeResult:
        """A frame, the text in it, the keys below."""
        with VerticalScroll(id="sheet"):
            yield Static(id="sheet-text")
        yield KeyBar()

    def on_mount(self) -> None:
        """Name it, and let the keys scroll."""
        self.query_one("#sheet").border_title = Content(self._heading)
        self.query_one("#sheet").focus()

    def on_resize(self) -> None:
        """Fit the text."""
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        width = self.query_one("#sheet").scrollable_content_region.width
        self.query_one("#sheet-text", Static).update(Content("\n").join(self._build(width)))

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """Copying is there when there is something to copy."""
        nothing = action == "copy" and not self._copies
        return "There is nothing to copy here" if nothing else ""

    def action_close(self) -> None:
        """Back to the dashboard."""
        self.dismiss()

    def action_copy(self) -> None:
        """Put it on the clipboard."""
        self.post_message(CopyWanted(self._copies, self._heading))


def help_page(
    keys: Sequence[tuple[str, str, str]], places: Mapping[str, str], width: int
) -> list[Content]:
    """Keys as (key, what it does, id), commands, signs, and the files that matter by name."""
    lines = [title("KEYS HERE", ("with their ids, for your own keys file", MUTED))]
    for heading, group in _grouped(keys):
        lines += [line(""), title(heading), *_columns(group, width)]
    lines += [line(""), title("COMMANDS", ("type / to enter one", MUTED))]
    for command in COMMANDS:
        usage = left(line((command.usage, "bold")), _USAGE)
        lines += labelled(usage, line((command.does, MUTED)), width)
    lines += [line(""), title("SIGNS")]
    for sign, meaning in SIGNS:
        lines += labelled(line(left(sign, _SIGN)), line((meaning, MUTED)), width)
    lines += [line(""), title("FILES")]
    for name, place in places.items():
        lines += labelled(line(left(name, _FILE)), line((place, MUTED)), width)
    return [left(each, width) for each in lines]


def _grouped(
    keys: Sequence[tuple[str, str, str]],
) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """What acts on the rows, what on this pane, what anywhere; none that is empty."""

    def group_of(binding_id: str) -> str:
        place, dot, _ = binding_id.partition(".")
        if not dot or place == "pane":
            return "ANYWHERE"
        return "ROWS" if place == "log" else "PANE"

    for heading in ("PANE", "ROWS", "ANYWHERE"):
        if group := [each for each in keys if group_of(each[2]) == heading]:
            yield heading, group


def _columns(keys: Sequence[tuple[str, str, str]], width: int) -> list[Content]:
    """Keys in two columns where there is room, one below the other in each."""
    across = 2 if width >= 2 * _KEYED else 1
    height = -(-len(keys) // across)
    told = [
        line(
            left(line((key, "bold $reflex")), _KEY),
            left(does, _DOES),
            left(line((id_, MUTED)), _ID),
        )
        for key, does, id_ in keys
    ]
    return [sum(told[row + height :: height], told[row]) for row in range(height)]


def readable(keys: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Without doubles of what they do, in the order given."""
    seen: dict[str, tuple[str, str, str]] = {}
    for each in keys:
        seen.setdefault(each[1], each)
    return list(seen.values())


def places(settings: Settings | None, theme_file: Path, keymap_file: Path) -> dict[str, str]:
    """Where the files that matter lie, by name; none while there are no settings."""
    if settings is None:
        return {}
    return {
        "configuration": config_place(settings),
        "evidence": plain(settings.state_dir / "capsule", 500),
        "reports": plain(settings.state_dir / "eval", 500),
        "theme": plain(theme_file, 500),
        "own keys": plain(keymap_file, 500),
    }


def models_page(routing_view: RoutingView | None, width: int) -> list[Content]:
    """What the server serves, the configured model marked."""
    if routing_view is None:
        return [line((WAIT, MUTED))]
    health = routing_view.health
    lines = [line((health.endpoint, MUTED)), line("")]
    for model in health.models:
        mark = ("● ", GOOD) if model == health.model else ("  ", "")
        note = ("   configured", GOOD) if model == health.model else ("", "")
        lines.append(left(line(mark, plain(model, 200), note), width))
    if not health.models:
        lines += [line((f"✖ {health.summary}", BAD)), line("")]
        lines.append(line(("The health pane shows how to fix it.", MUTED)))
    elif health.model not in health.models:
        missing = f"✖ {plain(health.model, 200)} is configured but not available"
        lines += [line(""), line((missing, BAD)), *(line(text) for text in health.remedy)]
    return lines


def check_page(
    routing_view: RoutingView | None, width: int, live: Figures | None = None
) -> list[Content]:
    """Whether the gate holds now, its table, and what to do when it does not.

    A gate that holds says nothing of a server whose calls fail now: ``live`` is what those took.
    """
    if routing_view is None:
        return [line((WAIT, MUTED))]
    gate, thresholds = routing_view.gate, routing_view.policy.reflex.thresholds
    state = gate_condition(gate)
    age = (f", {state.why}" if state.why else "", MUTED)
    lines = [line((state.label, f"bold {state.style}"), age)]
    if not gate.valid:
        lines.append(line(why(gate)))
    server = server_condition(routing_view, live)
    if server.style != GOOD:
        why_not = (f", {server.why}" if server.why else "", MUTED)
        lines.append(line(("server  ", MUTED), (server.label, f"bold {server.style}"), why_not))
    lines += [line(""), *gate_lines(gate_table(gate, thresholds), width)]
    if not gate.valid:
        lines += [line(""), line((next_step(gate), "$reflex"))]
    return lines


def status_page(
    settings: Settings | None,
    routing_view: RoutingView | None,
    live: Figures | None,
    width: int,
    *,
    no_evidence: bool = False,
) -> list[Content]:
    """What the next call would do, and every setting with where its value came from.

    With ``no_evidence`` the capsule cannot be read, so that no call is sent.
    """
    if settings is None:
        return [line(("There is no usable configuration.", MUTED))]
    source = settings.source
    lines = [
        *(
            _next_call(routing_view, live, width, no_evidence=no_evidence)
            if routing_view
            else [line((WAIT, MUTED))]
        ),
        line(""),
        *labelled(title("workspace"), line(plain(source.root, 500)), width),
        *labelled(title("config"), line(config_place(settings)), width),
        *labelled(
            title("policy"), line(routing_view.policy.policy_hash if routing_view else ""), width
        ),
    ]
    origin_width = 19
    value_width = max(8, width - _SETTING - origin_width)
    table: tuple[str, ...] = ()
    for path, value in settings_values(settings):
        if path[:-1] != table:
            table = path[:-1]
            lines += [line(""), line((f"[{plain('.'.join(table), 80)}]", MUTED))]
        origin, name, shown = settings.origin(*path), plain(path[-1], 60), _shown(value)
        # A value that is longer than its column begins further left, while its name allows it.
        wider = max(0, min(len(shown) + 1 - value_width, _SETTING - len(name) - 2))
        below = len(shown) > value_width + wider
        lines.append(
            line(
                left(name, _SETTING - wider),
                right("" if below else shown, value_width + wider - 1),
                left(
                    line((f"  {origin}", MUTED if origin == "default" else "$reflex")), origin_width
                ),
            )
        )
        if below:
            lines += labelled(line("  "), line(shown), width)
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


def _next_call(
    routing_view: RoutingView, live: Figures | None, width: int, *, no_evidence: bool
) -> list[Content]:
    found = next_call(routing_view, no_evidence=no_evidence)
    states = (
        ("server", server_condition(routing_view, live)),
        ("gate", gate_condition(routing_view.gate)),
        ("breaker", breaker_condition(routing_view.breaker)),
    )
    return [
        *(line((row, f"bold {found.style}")) for row in wrap(found.sentence, max(20, width))),
        line((found.code, MUTED)),
        line(""),
        *(
            title(name, (left(state.label, 16).plain, state.style), (state.why, MUTED))
            for name, state in states
        ),
    ]
