"""The server block: state, engine, model, probes, load, and the deep probe when there was one."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.plain import plain
from reflex_tui.widgets.chart import Chart
from reflex_tui.widgets.condition import BAD, GOOD, POOR, server_condition
from reflex_tui.widgets.lines import LABEL, MUTED, left, line, title
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.spark import ceiling
from reflex_tui.widgets.units import ago, count, duration, percent

if TYPE_CHECKING:
    from datetime import datetime

    from core.client.metrics import EngineLoad
    from core.router.condition import DeepProbe
    from core.router.outlook import Outlook
    from reflex_tui.panes.latencies import Figures

_GAP = "   "
_LEAST_TOP_MS = 10.0


class ServerSection(Section):
    """What was seen of the reflex server; ``probes`` are the last looks' ms, None when ill.

    ``deep`` is the last deep probe, which is kept while the server stays well.
    """

    outlook: reactive[Outlook | None] = reactive(None, layout=True)
    live: reactive[Figures | None] = reactive(None)
    probes: reactive[tuple[float | None, ...]] = reactive(())
    now: reactive[datetime | None] = reactive(None)
    deep: reactive[DeepProbe | None] = reactive(None, layout=True)

    def lines(self, width: int) -> list[Content]:
        """A title and four or five lines."""
        if self.outlook is None:
            return [title("SERVER"), line(("◌ looking at the server …", MUTED)), *_blank(3)]
        health = self.outlook.health
        lines = [title("SERVER"), *self._state(width), self._model(width), self._probe(width)]
        lines.append(_row("load", *_load(health.load, ok=health.ok)))
        if self.deep:
            lines.append(_row("deep", *_deep(self.deep)))
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


def _row(label: str, *pieces: Content | str | tuple[str, str]) -> Content:
    return line((label.ljust(LABEL), MUTED), *pieces)


def _load(load: EngineLoad | None, *, ok: bool) -> list[str | tuple[str, str]]:
    if load is None:
        return [("not published by this engine" if ok else "–", MUTED)]
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
