"""One call: its attempts as a timeline, and the event under the cursor, whole, with its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.errors import CapsuleError
from core.plain import plain
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR
from reflex_tui.model.rows import CALL
from reflex_tui.model.transcript import transcript
from reflex_tui.model.waterfall import Step, timeline
from reflex_tui.watch.messages import CopyWanted
from reflex_tui.widgets.json_text import indented, json_text
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, TITLE, left, line, right, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.capsule import Record
    from reflex_tui.model.rows import Row

_NAME, _WHO, _TOOK = 12, 9, 9
_MODES = {str(mode): style for mode, style in MODE_STYLE.items()}


class DetailScreen(Screen[None]):
    """Shows ``row``; ``fetch`` reads its call's records, oldest first, in a thread.

    ``fetch`` returns the records and whether each follows the record before it in the chain.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", id="detail.close"),
        Binding("j", "json", "JSON / text", id="detail.json"),
        Binding("c", "copy", "Copy JSON", id="detail.copy"),
        Binding("tab", "app.focus_next", "Timeline / JSON", id="detail.focus"),
    ]

    class Fetched(Message):
        """The call's records came."""

        def __init__(self, records: Sequence[Record], linked: Sequence[bool]) -> None:
            super().__init__()
            self.records, self.linked = tuple(records), tuple(linked)

    class NotFetched(Message):
        """They cannot be read."""

        def __init__(self, error: CapsuleError) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self, row: Row, fetch: Callable[[Row], tuple[Sequence[Record], Sequence[bool]]]
    ) -> None:
        super().__init__()
        self._row = row
        self._fetch = fetch
        self._steps: list[Step] = []
        self._linked: tuple[bool, ...] = ()
        self._as_json = False

    def compose(self) -> ComposeResult:
        """Heading, timeline, the event's own line, its JSON."""
        yield Static(id="detail-head")
        yield OptionList(id="timeline", markup=False, compact=True)
        yield Static(id="detail-record")
        with VerticalScroll(id="detail-scroll"):
            yield Static("", id="detail-json", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Fetch what there is to show."""
        self.query_one("#timeline").focus()
        self._load()

    @work(thread=True)
    def _load(self) -> None:
        try:
            self.post_message(self.Fetched(*self._fetch(self._row)))
        except CapsuleError as error:
            self.post_message(self.NotFetched(error))

    def on_detail_screen_fetched(self, message: Fetched) -> None:
        """Show the timeline, the cursor on the event that was opened."""
        self._steps = timeline(message.records)
        self._linked = message.linked
        self._draw_timeline()
        seqs = [step.record.seq for step in self._steps]
        if self._row.seq in seqs:
            self.query_one(OptionList).highlighted = seqs.index(self._row.seq)

    def on_detail_screen_not_fetched(self, message: NotFetched) -> None:
        """Say why there is nothing."""
        self.query_one("#detail-record", Static).update(
            line(("✖ The call's evidence is damaged", f"bold {BAD}"))
        )
        self.query_one("#detail-json", Static).update(
            line(plain(message.error.message, 2000), "\n\n", plain(message.error.remedy, 2000))
        )

    def on_resize(self) -> None:
        """Fit heading and timeline."""
        self._draw_head()
        self._draw_timeline()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the event under the cursor."""
        event.stop()
        if event.option_index < len(self._steps):
            self._show(event.option_index)

    def action_close(self) -> None:
        """Back to the log."""
        self.dismiss()

    def action_copy(self) -> None:
        """Put the event's JSON on the clipboard."""
        if (step := self._chosen()) is not None:
            what = f"event {step.record.seq}"
            self.post_message(CopyWanted(indented(step.record.body), what))

    def action_json(self) -> None:
        """From what was asked and answered to the event as it is stored, and back."""
        self._as_json = not self._as_json
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._steps):
            self._show(at)

    def _chosen(self) -> Step | None:
        at = self.query_one(OptionList).highlighted
        return self._steps[at] if at is not None and at < len(self._steps) else None

    def _draw_head(self) -> None:
        row = self._row
        call = line(("Call ", "bold"), (row.call_id or f"event {row.seq}", "bold $reflex"))
        told = line((f"{row.stage}   " if row.stage else "", MUTED), (row.model, MUTED))
        width = max(0, self.size.width - 4)
        self.query_one("#detail-head", Static).update(spread(call, told, width))

    def _draw_timeline(self) -> None:
        listed = self.query_one(OptionList)
        at = listed.highlighted
        width = max(20, self.size.width - 8)
        listed.set_options(Option(step_line(step, width)) for step in self._steps)
        listed.highlighted = at if at is not None and at < len(self._steps) else None

    def _show(self, index: int) -> None:
        step = self._steps[index]
        record = step.record
        link = (
            (f"✓ follows event {record.seq - 1}", GOOD)
            if self._linked[index]
            else ("✖ does not follow the event before it", BAD)
        )
        self.query_one("#detail-record", Static).update(
            line(
                (f"{plain(record.event_type, 40)} {record.seq:,}   ", "bold"),
                ("✓ hash matches", GOOD),
                "   ",
                link,
                (f"   {record.hash[:19]}", MUTED),
            )
        )
        as_text = record.event_type == CALL and not self._as_json
        shown = transcript_text(record.body) if as_text else json_text(record.body)
        self.query_one("#detail-json", Static).update(shown)
        self.query_one("#detail-scroll").scroll_home(animate=False)


def transcript_text(body: Mapping[str, Any]) -> Content:
    """An attempt's prompt and reply, each under the name of who said it."""
    parts = []
    for who, said in transcript(body):
        style = "bold $cloud" if who == "reply" else TITLE
        parts += [line((who, style)), line(said), line("")]
    return Content("\n").join(parts)


def step_line(step: Step, width: int) -> Content:
    """A step in columns: name, who, when within the call, how long, how it went."""
    text_width = max(28, min(44, width // 3))
    room = max(0, width - _NAME - _WHO - _TOOK - text_width - 3)
    begin = min(room - 1, int(step.start * room)) if room else 0
    cells = max(1, round(step.length * room)) if room else 0
    cells = min(cells, room - begin)
    style = {None: "$muted", True: _MODES.get(step.who, "$success"), False: "$error"}[step.good]
    bar = "▏" if step.good is None and cells else "█" * cells
    told = {None: "", True: GOOD, False: BAD}[step.good]
    name = POOR if step.name == "fallback" else ""
    return line(
        left(line((step.name, name)), _NAME),
        left(line((step.who, _MODES.get(step.who, ""))), _WHO),
        " " * begin,
        (bar, style),
        " " * max(0, room - begin - len(bar)),
        right(step.took, _TOOK),
        "   ",
        left(line((step.text, told)), text_width),
    )
