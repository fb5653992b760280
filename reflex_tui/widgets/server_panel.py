"""The reflex server: state, model, probes, load, the last hour; and the remedy when it is down."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style

from core.figures import ago, count, duration, percent
from core.plain import plain
from reflex_tui.model import engine_load
from reflex_tui.model.first_config import first_config, place_of
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR, server_condition
from reflex_tui.model.uptime import share_up, squeezed
from reflex_tui.watch.announcements import CopyWanted
from reflex_tui.widgets.backends_table import Sparkline
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import (
    LABEL,
    MUTED,
    ceiling,
    fitting,
    labelled,
    left,
    line,
    packed,
    title,
)
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from textual.events import Click

    from core.router.condition import DeepProbe, Health
    from core.router.view import RoutingView
    from reflex_tui.model.latencies import Figures
    from reflex_tui.model.uptime import Minute


_INDENT = 4
_SHORT_ROWS, _ROWS = 2, 6
_WIDE = 100

_GAP, _NARROW_GAP = "   ", "  "
_BESIDE = Content(" " * LABEL)
_LEAST_TOP_MS = 10.0
_LEAST_RATES, _MOST_RATES, _LEAST_RATE = 8, 30, 10.0
# vLLM publishes its metrics always.
_METRICS = {"sglang": "--enable-metrics", "llamacpp": "--metrics"}


def commands(health: Health) -> tuple[str, ...]:
    """The lines of the remedy that are meant to be pasted."""
    return tuple(text for text in health.remedy[1:] if not text.endswith(":"))


def pastable(routing_view: RoutingView) -> tuple[str, ...]:
    """All that can be copied: the commands, and the configuration of one who has none."""
    config = "\n".join(first_config(routing_view))
    return (*commands(routing_view.health), *([config] if config else []))


def copy_wanted(found: Sequence[str], number: int) -> CopyWanted:
    """The wish to have one of those copied, by its place from 0."""
    text = found[number]
    what = "the lines" if "\n" in text else "the command"
    return CopyWanted(text, f"{what}, {number + 1} of {len(found)}" if len(found) > 1 else what)


class RemedySection(Section):
    """The remedy's sentences and commands; ``copied`` is the one copied last, from 0."""

    routing_view: reactive[RoutingView | None] = reactive(None, layout=True)
    copied: reactive[int | None] = reactive(None)

    def lines(self, width: int) -> list[Content]:
        """Sentences as they are, commands numbered and shortened; copying takes them whole."""
        if self.routing_view is None or self.routing_view.health.ok:
            return []
        health = self.routing_view.health
        runnable, config = commands(health), first_config(self.routing_view)
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
            place = plain(place_of(self.routing_view.settings), 300)
            start = (
                "There is no configuration file yet. Save this as"
                if health.models
                else "Is your server elsewhere? Adapt these lines and save them as"
            )
            lines += labelled(line(""), line(f"{start} {place}"), width)
            lines += self._numbered(number, config)
        lines += [line("")] * (airy if config else not airy or not number)
        if found := pastable(self.routing_view):
            key = shown_key(self.app, "health.copy", "c")
            lines.append(_how_to_copy(len(found), key))
        decision = self.routing_view.decision
        mode = (str(decision.mode), MODE_STYLE[decision.mode])
        lines.append(line(("Meanwhile Implement calls go to ", MUTED), mode))
        return lines

    def on_click(self, event: Click) -> None:
        """A click copies the command under the pointer."""
        number = event.style.meta.get("command")
        if self.routing_view is not None and isinstance(number, int):
            self.copied = number
            self.post_message(copy_wanted(pastable(self.routing_view), number))

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
    what = "copy the command" if number == 1 else f"copy command 1 of {number} (again: next)"
    return line((key, "bold $reflex"), (f": {what}", MUTED))


class ServerSection(Section):
    """What was seen of the reflex server; ``probes`` are the last probes' ms, None when down.

    ``rates`` are the tokens/s that its engine published at them.
    ``deep`` is the last deep probe, which is kept while the server stays healthy, ``deep_advice``
    what to do when it failed; ``generating`` while one is running. ``hour`` holds the last
    hour's minutes, oldest first. ``gpu`` is how busy the graphics card is, empty without one.
    """

    routing_view: reactive[RoutingView | None] = reactive(None, layout=True)
    live: reactive[Figures | None] = reactive(None)
    probes: reactive[tuple[float | None, ...]] = reactive(())
    rates: reactive[tuple[float, ...]] = reactive(())
    now: reactive[datetime | None] = reactive(None)
    deep: reactive[DeepProbe | None] = reactive(None, layout=True)
    deep_advice: reactive[str] = reactive("", layout=True)
    generating: reactive[bool] = reactive(default=False, layout=True)
    hour: reactive[tuple[Minute, ...]] = reactive(())
    gpu: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """A title and five lines, and what the deep probe found."""
        if self.routing_view is None:
            return [title("SERVER"), line(("◌ probing the server …", MUTED)), *_blank(4)]
        lines = [title("SERVER"), *self._state(width), self._model(width), self._probe(width)]
        lines += self._load(width)
        if self.gpu:
            lines.append(_row("GPU", plain(self.gpu, 200)))
        lines.append(self._last_hour(width))
        for notice in self.routing_view.notices:
            lines += labelled(
                line(("▲".ljust(LABEL), POOR)), line((plain(notice, 400), POOR)), width
            )
        if self.generating:
            lines.append(_row("deep", ("◌ one short, constrained generation …", MUTED)))
        elif self.deep:
            lines.append(_row("deep", *_deep(self.deep)))
            if self.deep_advice:
                lines.append(_row("", (plain(self.deep_advice, 300), MUTED)))
        return [left(each, width) for each in lines]

    def _state(self, width: int) -> list[Content]:
        assert self.routing_view is not None
        health = self.routing_view.health
        state = server_condition(self.routing_view, self.live)
        start = (left(state.label, LABEL).plain, f"bold {state.style}")
        if not health.ok:
            told = wrap(state.why, max(20, width - LABEL)) or [""]
            first, *more = (line((row, state.style)) for row in told)
            return [line(start, first), *(line(" " * LABEL, row) for row in more)]
        engine = plain(health.engine.label, 40) if health.engine else "a server"
        place = health.endpoint.split("://")[-1].removesuffix("/v1")
        # Why it is not simply up comes before what can be cut.
        ways = []
        for gap in (_GAP, _NARROW_GAP):
            why = (f"{state.why}{gap}" if state.why else "", state.style)
            ways.append(line(start, why, engine, gap, (place, MUTED)))
        return [fitting(ways, width)]

    def _model(self, width: int) -> Content:
        assert self.routing_view is not None
        health = self.routing_view.health
        served = ("✓ available", GOOD) if health.ok else ("", "")
        if not health.ok and health.models:
            served = ("✖ not offered by the server", BAD)
        room = max(8, width - LABEL - len(_GAP) - len(served[0]))
        name = Content(plain(health.model, 120)).truncate(room, ellipsis=True)
        return _row("model", name, _GAP, served)

    def _probe(self, width: int) -> Content:
        assert self.routing_view is not None
        health = self.routing_view.health
        age = (self.now - health.checked_at).total_seconds() if self.now else 0.0
        took = left(duration(health.latency_ms) if health.ok else "–", 8)
        seen = f"{ago(max(0.0, age))}"
        room = max(0, min(60, width - LABEL - 8 - len(_GAP) - 9))
        top = ceiling(self.probes, least=_LEAST_TOP_MS)
        spark = Sparkline(self.probes, top, GOOD).line(room)
        return _row("probe", took, spark, _GAP, (seen, MUTED))

    def _load(self, width: int) -> list[Content]:
        """What the engine does now, its speed of late where there is room, and its shares."""
        assert self.routing_view is not None
        load = self.routing_view.health.load
        busy = _busy(self.routing_view.health)
        shares = [line(each) for each in engine_load.shares(load)] if load else []
        refused = engine_load.refused(load) if load else ""
        more = labelled(_BESIDE, line((refused, MUTED)), width) if refused else []
        label = line(("load".ljust(LABEL), MUTED))
        start = line(label, *busy)
        room = min(_MOST_RATES, width - start.cell_length - len(_GAP))
        if self.rates and room >= _LEAST_RATES and self.screen.has_class("-tall"):
            spark = Sparkline(self.rates, ceiling(self.rates, least=_LEAST_RATE), GOOD).line(room)
            start = line(start, _GAP, spark)
        elif not shares or Content(_GAP).join([start, *shares]).cell_length <= width:
            return [*labelled(label, Content(_GAP).join([line(*busy), *shares]), width), *more]
        return [start, *(packed(_BESIDE, shares, width) if shares else []), *more]

    def _last_hour(self, width: int) -> Content:
        share, known = share_up(self.hour)
        if share is None:
            return _row("last hour", ("not observed yet", MUTED))
        # What was down for a moment is never rounded up to a hundred.
        whole = share == 1
        up = (
            "100 %" if whole else percent(min(round(100 * share, 1), 99.9)),
            "" if whole else POOR,
        )
        seen = f"   {known} min observed" if known < len(self.hour) else ""
        room = max(0, width - LABEL - len(_GAP) - len(f"up {up[0]}{seen}"))
        cells = squeezed(self.hour, next((n for n in (60, 30, 20, 15, 12) if n <= room), 0))
        runs = groupby((_cell(each) for each in cells), key=lambda cell: cell[1])
        strip = [("".join(glyph for glyph, _ in run), style) for style, run in runs]
        return _row("last hour", *strip, _GAP, "up ", up, (seen, MUTED))


def _cell(minute: Minute) -> tuple[str, str]:
    match minute.share:
        case None:
            return "·", "$rule"
        case 1.0:
            return "█", GOOD
        case 0.0:
            return "×", BAD
        case _:
            return "▄", POOR


def _row(label: str, *pieces: Content | str | tuple[str, str]) -> Content:
    return line((label.ljust(LABEL), MUTED), *pieces)


def _busy(health: Health) -> list[str | tuple[str, str]]:
    """Requests and speed, or why they are not known."""
    load = health.load
    if load is None:
        option = _METRICS.get(health.engine.engine) if health.engine else None
        hint = f"not published; start it with {option} to see it" if option else "not published"
        return [(hint if health.ok else "–", MUTED)]
    queued = (f"{count(load.queued)} queued", POOR if load.queued else "")
    busy: list[str | tuple[str, str]] = [f"{count(load.running)} running", _GAP, queued]
    rate = engine_load.speed(load)
    return [*busy, _GAP, rate] if rate else busy


def _deep(deep: DeepProbe) -> list[str | tuple[str, str]]:
    if deep.error:
        return [("✖ ", BAD), (plain(deep.error, 200), BAD)]
    held = ("✓ schema", GOOD) if deep.schema_held else ("✖ schema", BAD)
    times = f"  TTFT {duration(deep.ttft_ms)}  total {duration(deep.total_ms)}"
    rate = "" if deep.tokens_per_s is None else f"  {deep.tokens_per_s:.0f} tok/s"
    return [held, times, rate]


def _blank(rows: int) -> list[Content]:
    return [Content("")] * rows
