"""The dialog that makes a suite of the user's own code: its fields, progress, what came of it."""

from __future__ import annotations

import re
import time
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from core.errors import ConfigError, ReflexError
from core.figures import duration, plural
from core.harness.mining.making import MakingTally, SuiteWish
from core.harness.suites.reading import TASK_ID
from core.implement.command import words_of
from core.plain import plain, plain_block
from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.watch.suite_making import SuiteMade, SuiteMaking, SuiteProgressed
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, TITLE, left, line, right
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

    from core.harness.mining.making import MadeSuite
    from reflex_tui.watch.suite_making import MakingSoFar

_LABEL = 12
_MOST_BAR = 48
_MOST_WHYS = 6
_MOST_TASKS, _MOST_MINUTES = 2000, 24 * 60


class MakingSection(Section):
    """What is asked for, how far it has come (``so_far``), or what came of it (``ended``).

    ``spent_s`` of ``wish``'s time is used up; ``problem`` is what is wrong with the fields.
    """

    wish: reactive[SuiteWish | None] = reactive(None, layout=True)
    so_far: reactive[MakingSoFar | None] = reactive(None, layout=True)
    ended: reactive[MadeSuite | ReflexError | None] = reactive(None, layout=True)
    spent_s: reactive[float] = reactive(0.0)
    stopping: reactive[bool] = reactive(default=False, layout=True)
    problem: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """A few lines, the same number while it works."""
        match self.ended:
            case None if self.wish is None:
                lines = self._before(width)
            case None:
                lines = self._working(width)
            case ReflexError() as error:
                lines = _refused(error, width)
            case made:
                lines = _made(made, width)
        return [left(each, width) for each in lines]

    def _before(self, width: int) -> list[Content]:
        if self.problem:
            return [line((row, BAD)) for row in wrap(f"✖ {self.problem}", max(20, width))]
        told = (
            "Tasks come from commits that changed source and tests together, then from single "
            "changes to functions that your tests notice. Everything runs here, in the sandbox, "
            "on copies: no model is asked, and your work tree stays as it is."
        )
        return [line((row, MUTED)) for row in wrap(told, max(20, width))]

    def _working(self, width: int) -> list[Content]:
        assert self.wish is not None
        wish, so_far = self.wish, self.so_far
        kept = sum(count for _, count in so_far.kept) if so_far else 0
        tried = so_far.tried if so_far else 0
        by = ", ".join(f"{name} {count}" for name, count in so_far.kept) if so_far else ""
        now = plain(so_far.now, 200) if so_far else "testing the sandbox"
        room = max(0, min(_MOST_BAR, width - _LABEL - 26))
        spent = f"{duration(1000 * self.spent_s)} of {duration(1000 * wish.time_s)}"
        return [
            _bar("TASKS", kept / max(1, wish.tasks), room, f"{kept} of {wish.tasks}", "$reflex"),
            _bar("TIME", self.spent_s / wish.time_s, room, spent, "$muted"),
            line(("KEPT".ljust(_LABEL), TITLE), f"{kept} of {plural(tried, 'candidate')}")
            + line((f"   {by}" if by else "", MUTED)),
            line(
                ("NOW".ljust(_LABEL), TITLE),
                ("stopping: what is found is being written", POOR) if self.stopping else (now, ""),
            ),
        ]


def _bar(name: str, share: float, room: int, told: str, style: str) -> Content:
    filled = min(room, round(room * share))
    drawn = line(("━" * filled, style), ("─" * (room - filled), MUTED))
    return line((name.ljust(_LABEL), TITLE), drawn, "  ", right(told, 22))


def _refused(error: ReflexError, width: int) -> list[Content]:
    lines = [line((row, f"bold {BAD}")) for row in wrap(f"✖ {plain(error.message, 400)}", width)]
    rows = plain_block(error.remedy, 600).splitlines()
    return [*lines, *(line(row) for raw in rows for row in wrap(raw, max(20, width)))]


def _made(made: MadeSuite, width: int) -> list[Content]:
    tally, tried = made.tally, made.tally.tried.total()
    found = plural(len(made.tasks), "task")
    ended = " (stopped early)" if made.stopped else ""
    head = (
        (f"✓ {found} in {plain(made.place.name, 80)}{ended}", f"bold {GOOD}")
        if made.place
        else (f"▲ no task was found{ended}, so no suite was written", f"bold {POOR}")
    )
    each = f", {made.seconds / tried:.1f} s a candidate" if tried else ""
    lines = [
        line(head),
        line((f"{made.runs} checks in {duration(1000 * made.seconds)}{each}", MUTED)),
        line((f"check: {plain(' '.join(made.check.command), 200)}", MUTED)),
        line(""),
        *(_kept_line(tally, origin) for origin in sorted(tally.tried)),
    ]
    whys = tally.dropped.most_common()
    if whys:
        lines += [line(""), line(("DROPPED", TITLE))]
    lines += [
        line(right(str(count), 5), f"  {origin}: ", (plain(why, max(20, width)), MUTED))
        for (origin, why), count in whys[:_MOST_WHYS]
    ]
    rest = sum(count for _, count in whys[_MOST_WHYS:])
    lines += [line((f"{rest:>5}  for other reasons", MUTED))] if rest else []
    files = tally.passed_over.most_common()
    if files:
        lines += [line(""), line(("FILES PASSED OVER", TITLE))]
    return lines + [line(right(str(count), 5), (f"  {why}", MUTED)) for why, count in files]


def _kept_line(tally: MakingTally, origin: str) -> Content:
    kept, tried = (getattr(tally, name)[origin] for name in ("kept", "tried"))
    return line(origin.ljust(_LABEL), f"{kept} kept of {plural(tried, 'candidate')}")


class SuiteMake(RefusesKeys, ModalScreen["str | None"]):
    """Dismissed with the name of the suite that was made, or with None."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012  Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Make it", id="make.begin", priority=True),
        Binding("tab,down", "app.focus_next", "Next", id="make.next"),
        Binding("shift+tab,up", "app.focus_previous", "Back", show=False, id="make.back"),
        Binding("escape", "leave", "Cancel", id="make.cancel"),
    ]

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self._began = 0.0
        self.making: SuiteMaking | None = None

    def compose(self) -> ComposeResult:
        """A field a line with what may stand in it, progress below."""
        fields = (
            ("name", "own", "small letters, digits, - and _"),
            ("check", "", "command of your tests; empty: it is found"),
            ("tasks", "40", "enough of them"),
            ("minutes", "10", "the longest it may take"),
        )
        with Vertical(id="make"):
            for name, value, hint in fields:
                with Horizontal(classes="field"):
                    yield Label(name, classes="field-name", markup=False)
                    yield Input(value, id=f"make-{name}", compact=True, select_on_focus=False)
                    yield Label(hint, classes="field-hint", markup=False)
            yield MakingSection()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the check, the field that matters."""
        self.query_one("#make").border_title = "New suite of your own code"
        self.query_one("#make-check", Input).focus()
        self.set_interval(0.5, self._tick)

    def on_unmount(self) -> None:
        """The application ends: what is found by then is kept."""
        if self.making is not None and self.making.alive:
            self.making.stop()
            self.making.join(10.0)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The problem was about other fields."""
        event.stop()
        self._shown.problem = ""

    def on_suite_progressed(self, message: SuiteProgressed) -> None:
        """Show how far it is."""
        self._shown.so_far = message.so_far

    def on_suite_made(self, message: SuiteMade) -> None:
        """Show what came of it; where it could not begin the fields can be changed."""
        self.making = None
        self._shown.ended = message.error or message.made
        self.refresh_bindings()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """While it works there is nothing to go on to."""
        works = action == "go_on" and self.making is not None
        return "It is being made: Escape stops it and keeps what is found" if works else ""

    def action_go_on(self) -> None:
        """Make it; or when it is over, take it, or ask again."""
        shown = self._shown
        if shown.ended is None:
            self._begin()
        elif isinstance(shown.ended, ReflexError) or shown.ended.place is None:
            shown.ended = shown.wish = shown.so_far = None
            self._lock_fields(locked=False)
        else:
            self.dismiss(shown.ended.place.name)

    def action_leave(self) -> None:
        """Stop the making, keeping what is found; or leave."""
        if self.making is not None:
            self.making.stop()
            self._shown.stopping = True
            return
        ended = self._shown.ended
        done = ended is not None and not isinstance(ended, ReflexError) and ended.place
        self.dismiss(done.name if done else None)

    @property
    def _shown(self) -> MakingSection:
        return self.query_one(MakingSection)

    def _begin(self) -> None:
        fields = {
            name: self.query_one(f"#make-{name}", Input).value.strip()
            for name in ("name", "check", "tasks", "minutes")
        }
        try:
            wish = wish_of(fields)
        except ReflexError as error:
            self._shown.problem = f"{error.message} {error.remedy}".strip()
            return
        shown = self._shown
        shown.wish, shown.so_far, shown.stopping, shown.spent_s = wish, None, False, 0.0
        self._lock_fields(locked=True)
        self._began = time.monotonic()
        self.making = SuiteMaking(self._root, wish, self.post_message)
        self.making.start()
        self.refresh_bindings()

    def _lock_fields(self, *, locked: bool) -> None:
        for entry in self.query(Input):
            entry.disabled = locked
        if not locked:
            self.query_one("#make-check", Input).focus()

    def _tick(self) -> None:
        if self.making is not None:
            self._shown.spent_s = time.monotonic() - self._began


def wish_of(fields: Mapping[str, str]) -> SuiteWish:
    """What the fields, as typed, ask for.

    Raises:
        ConfigError: The name is none, the command cannot be split, or a number is out of range.
    """
    name = fields["name"]
    if not re.fullmatch(TASK_ID, name):
        raise ConfigError(
            f"{plain(name, 40)!r} is no name for a suite.",
            remedy="Use small letters, digits, '-' and '_'.",
        )
    return SuiteWish(
        name=name,
        check=words_of(fields["check"]) if fields["check"] else None,
        tasks=_number("tasks", fields["tasks"], _MOST_TASKS),
        time_s=60.0 * _number("minutes", fields["minutes"], _MOST_MINUTES),
    )


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):  # noqa: PLR2004  digits
        raise ConfigError(f"{name} must be a number from 1 to {most:,}, not {plain(text, 40)!r}.")
    return int(text)
