"""The server block: state, engine, model, probes, load, and the deep probe when there was one."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.plain import plain
from reflex_tui.panes.uptime import share_up, squeezed
from reflex_tui.widgets.chart import Chart
from reflex_tui.widgets.condition import BAD, GOOD, POOR, server_condition
from reflex_tui.widgets.lines import LABEL, MUTED, left, line, title
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.spark import ceiling
from reflex_tui.widgets.units import ago, count, duration, percent

if TYPE_CHECKING:
    from datetime import datetime

    from core.router.condition import DeepProbe, Health
    from core.router.outlook import Outlook
    from reflex_tui.panes.latencies import Figures
    from reflex_tui.panes.uptime import Minute

_GAP = "   "
_LEAST_TOP_MS = 10.0
# vLLM publishes its metrics always.
_METRICS = {"sglang": "--enable-metrics", "llamacpp": "--metrics"}


class ServerSection(Section):
    """What was seen of the reflex server; ``probes`` are the last looks' ms, None when ill.

    ``deep`` is the last deep probe, which is kept while the server stays well, ``deep_advice``
    what to do when it failed; ``generating`` while one is under way. ``hour`` holds the last
    hour's minutes, oldest first.
    """

    outlook: reactive[Outlook | None] = reactive(None, layout=True)
    live: reactive[Figures | None] = reactive(None)
    probes: reactive[tuple[float | None, ...]] = reactive(())
    now: reactive[datetime | None] = reactive(None)
    deep: reactive[DeepProbe | None] = reactive(None, layout=True)
    deep_advice: reactive[str] = reactive("", layout=True)
    generating: reactive[bool] = reactive(default=False, layout=True)
    hour: reactive[tuple[Minute, ...]] = reactive(())

    def lines(self, width: int) -> list[Content]:
        """A title and five lines, and what the deep probe found."""
        if self.outlook is None:
            return [title("SERVER"), line(("◌ looking at the server …", MUTED)), *_blank(4)]
        lines = [title("SERVER"), *self._state(width), self._model(width), self._probe(width)]
        lines.append(_row("load", *_load(self.outlook.health)))
        lines.append(self._last_hour(width))
        if self.generating:
            lines.append(_row("deep", ("◌ one short, constrained generation …", MUTED)))
        elif self.deep:
            lines.append(_row("deep", *_deep(self.deep)))
            if self.deep_advice:
                lines.append(_row("", (plain(self.deep_advice, 300), MUTED)))
        return [left(each, width) for each in lines]

    def _state(self, width: int) -> list[Content]:
        assert self.outlook is not None
        health = self.outlook.health
        state = server_condition(self.outlook, self.live)
        start = (left(state.label, LABEL).plain, f"bold {state.style}")
        if not health.ok:
            told = wrap(state.why, max(20, width - LABEL))[:2] or [""]
            first, *more = (line((row, state.style)) for row in told)
            return [line(start, first), *(line(" " * LABEL, row) for row in more)]
        engine = plain(health.engine.label, 40) if health.engine else "a server"
        place = health.endpoint.split("://")[-1].removesuffix("/v1")
        return [line(start, engine, _GAP, (place, MUTED), _GAP, (state.why, state.style))]

    def _model(self, width: int) -> Content:
        assert self.outlook is not None
        health = self.outlook.health
        served = ("✓ served", GOOD) if health.ok else ("", "")
        if not health.ok and health.models:
            served = ("✖ not among the served", BAD)
        room = max(8, width - LABEL - len(_GAP) - len(served[0]))
        name = Content(plain(health.model, 120)).truncate(room, ellipsis=True)
        return _row("model", name, _GAP, served)

    def _probe(self, width: int) -> Content:
        assert self.outlook is not None
        health = self.outlook.health
        age = (self.now - health.checked_at).total_seconds() if self.now else 0.0
        took = left(duration(health.latency_ms) if health.ok else "–", 8)
        seen = f"{ago(max(0.0, age))}"
        room = max(0, min(60, width - LABEL - 8 - len(_GAP) - 9))
        top = ceiling(self.probes, least=_LEAST_TOP_MS)
        spark = Chart(self.probes, top, GOOD).lines(room, 1)[0]
        return _row("probe", took, spark, _GAP, (seen, MUTED))

    def _last_hour(self, width: int) -> Content:
        share, known = share_up(self.hour)
        if share is None:
            return _row("last hour", ("not seen yet", MUTED))
        # What was down for a moment is never rounded up to a hundred.
        whole = share == 1
        up = (
            "100 %" if whole else percent(min(round(100 * share, 1), 99.9)),
            "" if whole else POOR,
        )
        seen = f"   {known} min seen" if known < len(self.hour) else ""
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


def _load(health: Health) -> list[str | tuple[str, str]]:
    load = health.load
    if load is None:
        option = _METRICS.get(health.engine.engine) if health.engine else None
        hint = f"not published; start it with {option} to see it" if option else "not published"
        return [(hint if health.ok else "–", MUTED)]
    queued = (f"{count(load.queued)} queued", POOR if load.queued else "")
    pieces: list[str | tuple[str, str]] = [f"{count(load.running)} running", _GAP, queued]
    if load.cache_hit_rate is not None:
        pieces += [_GAP, f"cache {percent(round(100 * load.cache_hit_rate))}"]
    if load.tokens_per_s is not None:
        pieces += [_GAP, f"{load.tokens_per_s:.0f} tok/s"]
    return pieces


def _deep(deep: DeepProbe) -> list[str | tuple[str, str]]:
    if deep.error:
        return [("✖ ", BAD), (plain(deep.error, 200), BAD)]
    held = ("✓ schema", GOOD) if deep.schema_held else ("✖ schema", BAD)
    times = f"  TTFT {duration(deep.ttft_ms)}  total {duration(deep.total_ms)}"
    rate = "" if deep.tokens_per_s is None else f"  {deep.tokens_per_s:.0f} tok/s"
    return [held, times, rate]


def _blank(rows: int) -> list[Content]:
    return [Content("")] * rows
