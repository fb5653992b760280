"""One call: its attempts as a waterfall; below, what was said, the event, or the call before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.errors import CapsuleError
from core.figures import duration
from core.plain import plain
from reflex_tui.model.comparing import compared
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR
from reflex_tui.model.rows import CALL
from reflex_tui.model.transcript import transcript
from reflex_tui.model.waterfall import Step, timeline
from reflex_tui.watch.announcements import CopyWanted
from reflex_tui.widgets.json_view import indented, json_text
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import MUTED, TITLE, left, line, right, spread
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Click

    from core.capsule import Record
    from reflex_tui.model.rows import Row

_NAME, _WHO, _TOOK = 12, 9, 9
_FACT, _CHANGE = 14, 14
LEGEND = "▏ decided   ░ until the first token   █ from then to the last byte"
TABS = (
    ("text", "What was said", "t"),
    ("json", "Event as stored", "j"),
    ("previous", "Beside the call before", "p"),
)
_FOR_MACHINES = {"prev", "hash", "schema_version", "seal", "event_type", "role"}
_MODES = {str(mode): style for mode, style in MODE_STYLE.items()}


class DetailScreen(RefusesKeys, Screen[None]):
    """Shows ``row``; ``fetch`` reads its call's records, oldest first, in a thread.

    ``fetch`` returns the records and whether each follows the record before it in the chain,
    ``fetch_before`` those of the call to compare it with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", id="detail.close"),
        Binding("t", "tab('text')", "Text", id="detail.text"),
        Binding("j", "tab('json')", "JSON", id="detail.json"),
        Binding("p", "tab('previous')", "Previous call", id="detail.previous"),
        Binding("c", "copy", "Copy JSON", id="detail.copy"),
        Binding("tab", "app.focus_next", "Attempts / text", id="detail.focus"),
    ]

    class Fetched(Message):
        """The call's records came, and those of the call before it."""

        def __init__(
            self, records: Sequence[Record], linked: Sequence[bool], before: Sequence[Record]
        ) -> None:
            super().__init__()
            self.records, self.linked = tuple(records), tuple(linked)
            self.before = tuple(before)

    class NotFetched(Message):
        """They cannot be read."""

        def __init__(self, error: CapsuleError) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        row: Row,
        fetch: Callable[[Row], tuple[Sequence[Record], Sequence[bool]]],
        fetch_before: Callable[[Row], Sequence[Record]] = lambda _: (),
    ) -> None:
        super().__init__()
        self._row = row
        self._fetch, self._fetch_before = fetch, fetch_before
        self._steps: list[Step] = []
        self._linked: tuple[bool, ...] = ()
        self._before: tuple[Record, ...] = ()
        self._tab = "text"
        self._broken = False

    def compose(self) -> ComposeResult:
        """Heading, timeline, the event's own line, its JSON."""
        yield Static(id="detail-head")
        yield OptionList(id="timeline", markup=False, compact=True)
        yield Static(id="detail-legend")
        yield DetailTabs(id="detail-tabs")
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
            found = self._fetch(self._row)
            self.post_message(self.Fetched(*found, self._fetch_before(self._row)))
        except CapsuleError as error:
            self.post_message(self.NotFetched(error))

    def on_detail_screen_fetched(self, message: Fetched) -> None:
        """Show the timeline, the cursor on the last attempt, else on the event that was opened."""
        self._steps = timeline(message.records)
        self._linked, self._before = message.linked, message.before
        self._draw_timeline()
        self.refresh_bindings()
        ends = [at for at, step in enumerate(self._steps) if step.record.event_type == CALL]
        seqs = [step.record.seq for step in self._steps]
        if self._row.is_decision and ends:
            self.query_one(OptionList).highlighted = ends[-1]
        elif self._row.seq in seqs:
            self.query_one(OptionList).highlighted = seqs.index(self._row.seq)

    def on_detail_screen_not_fetched(self, message: NotFetched) -> None:
        """Say why there is nothing."""
        self._broken = True
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

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """What is shown of an event can be chosen and copied once there is one."""
        if action not in {"copy", "tab"} or self._steps:
            return ""
        return "The call's evidence is damaged" if self._broken else "The call is still being read"

    def action_close(self) -> None:
        """Back to the log."""
        self.dismiss()

    def action_copy(self) -> None:
        """Put the event's JSON on the clipboard."""
        if (step := self._chosen()) is not None:
            what = f"event {step.record.seq}"
            self.post_message(CopyWanted(indented(step.record.body), what))

    def action_tab(self, tab: str) -> None:
        """What was said, the event as it is stored, or the call before; again: what was said."""
        self._tab = "text" if self._tab == tab else tab
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._steps):
            self._show(at)

    def on_detail_tabs_chosen(self, message: DetailTabs.Chosen) -> None:
        """A tab was clicked."""
        if message.tab != self._tab:
            self.action_tab(message.tab)

    def _chosen(self) -> Step | None:
        at = self.query_one(OptionList).highlighted
        return self._steps[at] if at is not None and at < len(self._steps) else None

    def _draw_head(self) -> None:
        row = self._row
        call = line(("Call ", "bold"), (row.call_id or f"event {row.seq}", "bold $reflex"))
        if row.last is not None:
            ended = ("✓ answered", GOOD) if row.last.success else (f"✖ {row.last.error}", BAD)
            waited = f" after {duration(row.waited_ms)}" if row.waited_ms is not None else ""
            call += line("   ", ended, (waited, MUTED), f"   {row.path}")
        told = line((f"{row.stage}   " if row.stage else "", MUTED), (row.model, MUTED))
        width = max(0, self.size.width - 4)
        if call.cell_length + told.cell_length + 2 > width:
            told = line("")
        self.query_one("#detail-head", Static).update(spread(call, told, width))

    def _draw_timeline(self) -> None:
        listed = self.query_one(OptionList)
        at = listed.highlighted
        width = max(20, self.size.width - 8)
        listed.set_options(Option(step_line(step, width)) for step in self._steps)
        listed.highlighted = at if at is not None and at < len(self._steps) else None
        self.query_one("#detail-legend", Static).update(
            left(line((LEGEND, MUTED)), width) if self._row.is_decision else ""
        )

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
        self.query_one(DetailTabs).active = self._tab
        match self._tab:
            case "previous":
                width = self.query_one("#detail-scroll").scrollable_content_region.width
                mine = [each.record for each in self._steps]
                shown = comparison_text(mine, self._before, max(60, width))
            case "json":
                shown = json_text(record.body)
            case _ if record.event_type == CALL:
                shown = transcript_text(record.body)
            case _:
                shown = facts_text(record.body)
        self.query_one("#detail-json", Static).update(shown)
        self.query_one("#detail-scroll").scroll_home(animate=False)


class DetailTabs(Section):
    """The three things that can be shown of a call; a click chooses."""

    active: reactive[str] = reactive("text")

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def lines(self, width: int) -> list[Content]:  # noqa: ARG002
        """One line."""
        told = line("")
        for name, heading, key in TABS:
            chosen = name == self.active
            shown = shown_key(self.app, f"detail.{name}", key)
            tab = line((f" {shown}", "bold $reflex"), (f" {heading} ", "bold" if chosen else MUTED))
            if chosen:
                tab = tab.stylize("on $cursor")
            told += tab.stylize(Style.from_meta({"tab": name})) + "  "
        return [told]

    def on_click(self, event: Click) -> None:
        """Choose the one under the pointer."""
        if name := event.style.meta.get("tab"):
            self.post_message(self.Chosen(str(name)))


def facts_text(body: Mapping[str, Any]) -> Content:
    """An event that is no attempt: what it says, a line each, without what is only for machines."""
    shown = {name: value for name, value in body.items() if name not in _FOR_MACHINES}
    width = max(map(len, shown), default=0) + 2
    lines = [
        line((plain(name, 40).ljust(width), MUTED), plain(value, 300))
        for name, value in shown.items()
        if value not in (None, "", [])
    ]
    return Content("\n").join(lines)


def comparison_text(records: Sequence[Record], before: Sequence[Record], width: int) -> Content:
    """This call beside the one before it, what differs standing out."""
    facts = compared(records, before)
    if not facts:
        return line(("There is no earlier call of this session or stage nearby.", MUTED))
    column = max(12, min(30, (width - _FACT - _CHANGE) // 2))
    heading = f"{'':{_FACT}}{'THIS CALL':{column}}{'THE ONE BEFORE':{column}}CHANGE"
    lines = [left(line((heading, TITLE)), width)]
    lines += (
        line(
            (fact.name.ljust(_FACT), MUTED),
            left(line((fact.this, "bold" if fact.differs else "")), column - 1),
            " ",
            left(fact.before, column - 1),
            " ",
            (fact.delta, POOR if fact.delta.startswith("+") else ""),
        )
        for fact in facts
    )
    return Content("\n").join(lines)


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
    first = min(cells, round(step.until_first * room))
    bar = "▏" if step.good is None and cells else "░" * first + "█" * (cells - first)
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
