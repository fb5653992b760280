"""The suites there are: tasks, languages, origin, age, and whether the code has moved since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.figures import NONE, ago, plural
from core.plain import plain
from reflex_tui.model.gate import BAD, POOR
from reflex_tui.widgets.lines import MUTED, left, line, right

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.content import Content

    from core.harness.mining.suite_facts import SuiteFacts

_TASKS, _AGE, _SINCE, _NAME, _LANGUAGES = 5, 8, 11, 20, 10
_SHORT = {"history": "hist", "mutation": "mut", "written": "own"}


def suite_header(width: int) -> Content:
    """Names of the columns of ``suite_line``."""
    name, languages, origin = _columns(width)
    names = (
        left("SUITE", name),
        right("TASKS", _TASKS),
        "  ",
        left("LANGUAGES", languages),
        left("FROM", origin),
        right("AGE", _AGE),
        right("CODE SINCE", _SINCE),
    )
    return left(line(*names), width).stylize(MUTED)


def suite_line(facts: SuiteFacts, width: int) -> Content:
    """A suite in columns; one that cannot be used says why instead."""
    name, languages, origin = _columns(width)
    shown = left(plain(facts.name, 60), max(0, name - 1))
    if facts.problem:
        told = line(shown, " ", (f"✖ {plain(facts.problem, 200)}", BAD))
        return left(told, width)
    kinds = _kinds(facts, origin - 1)
    age = NONE
    if facts.age is not None:
        age = ago(max(0.0, facts.age.total_seconds())).removesuffix(" ago")
    return left(
        line(
            shown,
            " ",
            right(str(facts.tasks), _TASKS),
            "  ",
            left(_languages(facts, languages - 1), languages - 1),
            " ",
            left(line((kinds, "" if facts.own else MUTED)), origin - 1),
            " ",
            right(line((age, MUTED)), _AGE),
            right(line(_since(facts)), _SINCE),
        ),
        width,
    )


def _columns(width: int) -> tuple[int, int, int]:
    """Cells of the name, the languages and the origin."""
    room = max(0, width - _TASKS - 2 - _AGE - _SINCE)
    more = max(0, room - _NAME - _LANGUAGES - 15)
    name, languages = _NAME + min(8, more // 4), _LANGUAGES + more // 2
    return name, languages, max(0, room - name - languages)


def _counted(found: Mapping[str, int] | None) -> str:
    """``python 12, go 6``, the most first; the only one without its number."""
    several = sorted((found or {}).items(), key=lambda each: -each[1])
    if len(several) == 1:
        return plain(several[0][0], 20)
    return ", ".join(f"{plain(name, 20)} {count}" for name, count in several)


def _languages(facts: SuiteFacts, room: int) -> str:
    told = _counted(facts.languages)
    return told if len(told) <= room else "several"


def _kinds(facts: SuiteFacts, room: int) -> str:
    """Where the tasks come from, in short words where there is no room."""
    if not facts.own:
        return "shipped"
    told = _counted(facts.kinds)
    if len(told) > room:
        told = _counted({_SHORT.get(name, name): n for name, n in (facts.kinds or {}).items()})
    return told


def _since(facts: SuiteFacts) -> tuple[str, str]:
    if facts.moved is None:
        return NONE, MUTED
    if not facts.moved:
        return "the same", MUTED
    return plural(facts.moved, "commit"), POOR


class SuiteChoice(OptionList):
    """A row a suite; moving the cursor chooses one."""

    class Wanted(Message):
        """The suite under the cursor is the one wanted."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="start-suites", markup=False, compact=True)
        self.facts: tuple[SuiteFacts, ...] = ()

    def show_suites(self, facts: Sequence[SuiteFacts], chosen: str) -> None:
        """Show these, with the cursor on the one of that name, if it is there."""
        self.facts = tuple(facts)
        self.draw_rows()
        self.put_cursor(chosen)

    def draw_rows(self) -> None:
        """Draw them at the width there is."""
        width, at = self.size.width - 1, self.highlighted
        self.set_options(
            Option(suite_line(each, width), id=str(number))
            for number, each in enumerate(self.facts)
        )
        self.highlighted = at if self.facts else None

    def put_cursor(self, name: str) -> None:
        """On the suite of this name; on none where there is no such."""
        names = [each.name for each in self.facts]
        self.highlighted = names.index(name) if name in names else None

    def on_resize(self) -> None:
        """Fit the columns."""
        self.draw_rows()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Choose it, where it was the user who moved."""
        event.stop()
        if self.has_focus and event.option_index < len(self.facts):
            self.post_message(self.Wanted(self.facts[event.option_index].name))
