"""What to do about a server that is not well: takes the place of the charts."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.style import Style

from core.plain import plain
from reflex_tui.first_config import first_config, place_of
from reflex_tui.messages import CopyWanted
from reflex_tui.shown_key import shown_key
from reflex_tui.widgets.condition import MODE_STYLE
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import MUTED, line, title
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.content import Content
    from textual.events import Click

    from core.router.condition import Health
    from core.router.outlook import Outlook

_INDENT = 4
_SHORT_ROWS, _ROWS = 2, 6
_WIDE = 100


def commands(health: Health) -> tuple[str, ...]:
    """The lines of the remedy that are meant to be pasted."""
    return tuple(text for text in health.remedy[1:] if not text.endswith(":"))


def pastable(outlook: Outlook) -> tuple[str, ...]:
    """All that can be copied: the commands, and the configuration of one who has none."""
    config = "\n".join(first_config(outlook))
    return (*commands(outlook.health), *([config] if config else []))


def copy_wanted(found: Sequence[str], number: int) -> CopyWanted:
    """The wish to have one of those copied, by its place from 0."""
    text = found[number]
    what = "the lines" if "\n" in text else "the command"
    return CopyWanted(text, f"{what}, {number + 1} of {len(found)}" if len(found) > 1 else what)


class RemedySection(Section):
    """The remedy's sentences and commands; ``copied`` is the one copied last, from 0."""

    outlook: reactive[Outlook | None] = reactive(None, layout=True)
    copied: reactive[int | None] = reactive(None)

    def lines(self, width: int) -> list[Content]:
        """Sentences as they are, commands numbered and shortened; copying takes them whole."""
        if self.outlook is None or self.outlook.health.ok:
            return []
        health = self.outlook.health
        runnable, config = commands(health), first_config(self.outlook)
        airy = self.app.size.width >= _WIDE
        lines = [title("WHAT TO DO")]
        number = 0
        most = _ROWS if airy else _SHORT_ROWS - bool(config)
        for text in health.remedy:
            if text in runnable:
                lines += self._command(number, text, width, most)
                lines += [line("")] * airy
                number += 1
            else:
                lines += [line(part) for part in wrap(plain(text, 500), max(20, width))]
        if config:
            place = plain(place_of(self.outlook.settings), 300)
            start = (
                "There is no such file yet: save this as"
                if health.models
                else "Or is yours elsewhere? Save this, mended, as"
            )
            lines += hanging(line(""), line(f"{start} {place}"), width)
            lines += self._numbered(number, config)
        lines += [line("")] * (airy if config else not airy or not number)
        if found := pastable(self.outlook):
            key = shown_key(self.app, "health.copy", "c")
            lines.append(_how_to_copy(len(found), key))
        decision = self.outlook.decision
        mode = (str(decision.mode), MODE_STYLE[decision.mode])
        lines.append(line(("Until it is well, Implement calls go to ", MUTED), mode))
        return lines

    def on_click(self, event: Click) -> None:
        """A click copies the command under the pointer."""
        number = event.style.meta.get("command")
        if self.outlook is not None and isinstance(number, int):
            self.copied = number
            self.post_message(copy_wanted(pastable(self.outlook), number))

    def _command(self, number: int, text: str, width: int, most: int) -> list[Content]:
        room = max(20, width - _INDENT)
        rows = wrap(text, room, break_on_hyphens=False)
        if len(rows) > most:
            rows = [*rows[: most - 1], rows[most - 1][: room - 2] + " …"]
        return self._numbered(number, rows)

    def _numbered(self, number: int, rows: Sequence[str]) -> list[Content]:
        copied = number == self.copied
        mark = (
            ("✓ " if copied else f"{number + 1} "),
            "bold $success" if copied else "bold $muted",
        )
        starts = [line("  ", mark), *[line(" " * _INDENT)] * (len(rows) - 1)]
        clickable = Style.from_meta({"command": number})
        return [
            line(start, (row, "$reflex")).stylize(clickable)
            for start, row in zip(starts, rows, strict=True)
        ]


def _how_to_copy(number: int, key: str) -> Content:
    which = "it" if number == 1 else f"the first, again for the next of {number}"
    return line((key, "bold $reflex"), (f" copies {which}, whole", MUTED))
