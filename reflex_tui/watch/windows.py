"""The thread that asks the capsule's index about stretches of time: a day, and the last hour."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.errors import CapsuleError
from core.plain import plain
from reflex_tui.model.benefits import QUICK_MS
from reflex_tui.model.latencies import Windowed
from reflex_tui.model.uptime import MINUTES, counted, is_first, minute_of, verdict
from reflex_tui.watch.announcements import WindowSeen
from reflex_tui.watch.watcher import Post, Watcher

if TYPE_CHECKING:
    from datetime import datetime

    from core.capsule import EventLog
    from core.capsule.index import Index
    from core.monitor.savings import Savings
    from core.router.shadowed import ShadowSummary
    from core.settings import Settings


LOOK_EVERY_S = 2.0
_SAVINGS_EVERY_S = 60.0
_SAVINGS_SHARE = 0.01
_CACHE_BYTES = 4 << 20
# Over a large capsule a question takes longer: it may have at most this share of a core.
_BUSY_SHARE = 0.1


class WindowWatcher(Watcher):
    """Keeps the index in step with the log and posts ``WindowSeen`` every other second.

    While a large log is indexed for the first time it posts how far that is instead.
    """

    def __init__(self, settings: Settings, post: Post, clock: Clock | None = None) -> None:
        super().__init__("windows", post)
        self._settings = settings
        self._clock = clock or SystemClock()
        self._wake = threading.Event()
        self._index: Index | None = None
        self._shadow: tuple[object, ShadowSummary | None] = (None, None)
        self._saved: tuple[float, Savings | None] = (0.0, None)

    def use(self, settings: Settings) -> None:
        """Use another configuration of the same workspace."""
        self._settings = settings
        self._wake.set()

    def stop(self) -> None:
        """End it, also while it waits."""
        super().stop()
        self._wake.set()
        if index := self._index:
            index.halt()  # a question over a large capsule may be under way

    def watch(self) -> None:
        """Look, wait, look again."""
        from core.capsule import EventLog  # after the first paint
        from core.capsule.index import Index

        log = EventLog(self._settings.state_dir / "capsule")
        with Index(log, clock=self._clock, cache_bytes=_CACHE_BYTES) as index:
            self._index = index
            while not self._stopping.is_set():
                began = self._clock.monotonic()
                # What is wrong with the log is told by the thread that follows it.
                with suppress(CapsuleError, OSError):
                    self._look(log, index)
                took_s = self._clock.monotonic() - began
                self._wake.wait(max(LOOK_EVERY_S, took_s / _BUSY_SHARE))
                self._wake.clear()

    def _look(self, log: EventLog, index: Index) -> None:
        from reflex_tui.watch.archive import MUCH_BYTES  # not for the first paint

        # Of a damaged log the part before the damage is indexed, and answered from.
        with suppress(CapsuleError):
            _, share, missing = index.behind()
            if missing > MUCH_BYTES:  # the archive has it built by another process
                self._tell_progress(0, share)
                return
            index.update(self._tell_progress, self._stopping)
        if not self._stopping.is_set():
            seen = look(index, self._clock.now(), self._seen(log, index))
            self._post(WindowSeen(replace(seen, saved=self._savings(log, index))))

    def _tell_progress(self, _seq: int, share: float) -> None:
        if share < 1:
            self._post(WindowSeen(None, share))

    def _seen(self, log: EventLog, index: Index) -> ShadowSummary | None:
        """The shadow calls' summary, read again only when there are new ones."""
        from core.capsule.index import EventFilter
        from core.capsule.keys import own_key
        from core.router.shadowed import SHADOWED, shadow_summary

        reflex = self._settings.reflex
        counts = tuple(index.count(EventFilter(event_type=each)) for each in SHADOWED)
        key = counts, reflex.endpoint, reflex.model
        if key != self._shadow[0]:
            found = None
            if any(counts):
                found = shadow_summary(
                    log,
                    self._settings.source.root,
                    endpoint=reflex.endpoint,
                    model=reflex.model,
                    key=own_key(),
                )
            self._shadow = key, found
        return self._shadow[1]

    def _savings(self, log: EventLog, index: Index) -> Savings | None:
        """What today's hold-out proves; None without a hold-out.

        It is read again as soon as that takes little of the time, and each minute at least.
        """
        if not self._settings.reflex.monitor.holdout:
            return None
        from core.monitor.facts import facts_of
        from core.monitor.savings import savings_of

        due, known = self._saved
        now = self._clock.monotonic()
        if known is None or now >= due:
            midnight = self._clock.now().astimezone().replace(hour=0, minute=0, second=0)
            first = index.seq_at(midnight) or log.head()[0] + 1
            calls = facts_of(log.path, self._settings.source.root, after=first - 1)
            known = savings_of("today", calls, self._settings.cloud.price_usd)
            took_s = self._clock.monotonic() - now
            self._saved = now + min(_SAVINGS_EVERY_S, took_s / _SAVINGS_SHARE), known
        return known


def look(index: Index, now: datetime, shadow: ShadowSummary | None = None) -> Windowed:
    """What the index shows at ``now``; today begins at the user's midnight."""
    from core.capsule.index import Stretch

    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    end = now + timedelta(seconds=1)
    first = minute_of(now) - MINUTES + 1
    hour = Stretch(
        now.fromtimestamp(first * 60, now.tzinfo),
        now.fromtimestamp((first + MINUTES) * 60, now.tzinfo),
        MINUTES,
    )
    seen: Counter[tuple[int, bool]] = Counter()
    reasons: Counter[str] = Counter()
    for each in index.seen(hour, lambda kind: verdict(kind) is not None or is_first(kind)):
        if (up := verdict(each.kind)) is not None:
            seen[first + each.number, up] += each.events
        if is_first(each.kind):
            reasons[plain(each.kind.reason, 60)] += each.events
    totals = index.totals(Stretch(midnight, end), quick_ms=QUICK_MS)
    return Windowed(totals, counted(seen), shadow, dict(reasons.most_common()))
