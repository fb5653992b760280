"""The live calls of each backend, and what they took over a window of time.

A call counts once for each backend that tried it, with all its attempts there: it took what the
caller waited for them. ``Calls`` holds the newest, ``figures`` works out a table's row from some of
them. Bakeoffs' and shadow calls are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from core.errors import Busy, RateLimited
from core.figures import nearest_rank
from core.stages import LIVE_ORIGINS, PRIMARY, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.capsule.index import Totals
    from core.monitor.savings import Savings
    from core.router.shadowed import ShadowSummary
    from reflex_tui.model.rows import CallRow
    from reflex_tui.model.uptime import Minute

# More would hold up the picture: each is drawn, and ranked, several times a second.
MOST_CALLS = 2_000
# The state of the server goes by this window, whichever is looked at.
STATE_WINDOW_S = 15 * 60.0
_ENOUGH, _FEW = 40, 20
_LEAST_GENERATING_MS = 5.0
_NO_ROOM = frozenset({Busy.code, RateLimited.code})


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time up to now: its short ``name``, how a sentence says it, and its length.

    ``ticks`` are round points between both ends, in ``unit`` ago.
    """

    name: str
    words: str
    seconds: int
    ticks: tuple[int, ...] = ()
    unit: str = "min"


WINDOWS = (
    Window("1m", "1 min", 60, (30, 45, 15), "s"),
    Window("5m", "5 min", 300, (3, 2, 4, 1)),
    Window("15m", "15 min", 900, (10, 5)),
    Window("1h", "1 h", 3600, (30, 45, 15)),
    Window("24h", "24 h", 86_400, (12, 18, 6), "h"),
)
AUTO = Window("auto", "auto", 0)
"""As much as there is data: the shortest of the others with enough calls, or with all of them."""
CHOICES = (AUTO, *WINDOWS)
_LEAST_AUTO, _DEFAULT = WINDOWS[1], WINDOWS[2]


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call at one backend: when it ended there (s since 1970) and what it took, in ms.

    ``waited_ms`` is all its attempts there together, ``ttft_ms`` that of the last; None: unknown.
    ``busy`` says that it was turned away because there was no room for it.
    """

    at: float
    mode: Mode
    backend: str
    answered: bool
    waited_ms: float | None
    ttft_ms: float | None = None
    tokens_per_s: float | None = None
    attempts: int = 1
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """One backend over a window: a failed call counts as endless (∞) in ``p50`` and ``p95``, in ms.

    TTFT and tokens/s are of the answered calls; None without any. ``busy`` counts further calls,
    that were turned away because there was no room (``of_state`` only).
    """

    backend: str
    mode: Mode
    calls: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    tokens_per_s: float | None = None
    busy: int = 0

    @property
    def ok_percent(self) -> float | None:
        """The share that was answered."""
        return 100 * (self.calls - self.failed) / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class Windowed:
    """What the capsule's index shows: today's totals, the last hour, the shadow calls.

    ``saved`` is what today's hold-out proves, None without one.
    ``reasons`` counts the last hour's Implement calls by the reason of their first decision.
    """

    today: Totals
    hour: Mapping[int, Minute]
    shadow: ShadowSummary | None = None
    reasons: Mapping[str, int] | None = None
    saved: Savings | None = None


class Calls:
    """The newest calls, oldest first, each with the attempts that have ended so far."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], EndedCall] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._calls)

    def add(self, end: CallRow) -> None:
        """Take an attempt's end into account, unless a bakeoff or a shadow made it."""
        if end.mode is None or end.origin not in LIVE_ORIGINS:
            return
        key = (end.call_id or f"event {end.seq}", end.backend)
        self._calls[key] = _joined(self._calls.get(key), end)
        if len(self._calls) > MOST_CALLS:
            del self._calls[next(iter(self._calls))]

    def add_older(self, ends: Iterable[CallRow]) -> None:
        """Put attempts before those that are here."""
        here, self._calls = self._calls, {}
        for end in ends:
            self.add(end)
        self._calls |= here
        surplus = max(0, len(self._calls) - MOST_CALLS)
        for key in list(islice(self._calls, surplus)):
            del self._calls[key]

    def clear(self) -> None:
        """Forget everything: another capsule is watched now."""
        self._calls.clear()

    @property
    def is_full(self) -> bool:
        """Whether older calls had to go."""
        return len(self._calls) >= MOST_CALLS

    def within(self, seconds: float, now_s: float) -> list[EndedCall]:
        """Those that ended in the last ``seconds``."""
        since = now_s - seconds
        return [call for call in self._calls.values() if call.at > since]

    def auto(self, now_s: float, before: Window | None = None) -> Window:
        """The window that shows as much as there is; it stays at ``before`` while that will do."""
        ages = [now_s - call.at for call in self._calls.values()]
        if not ages:
            return _DEFAULT
        for window in WINDOWS[WINDOWS.index(_LEAST_AUTO) :]:
            inside = sum(age < window.seconds for age in ages)
            enough = _FEW if window is before else _ENOUGH
            if inside == len(ages) or inside >= enough:
                return window
        return WINDOWS[-1]


def _joined(before: EndedCall | None, end: CallRow) -> EndedCall:
    assert end.mode is not None
    one = EndedCall(
        end.at.timestamp(),
        end.mode,
        end.backend,
        end.success,
        end.latency_ms,
        end.ttft_ms if end.success else None,
        _speed(end) if end.success else None,
        busy=end.error in _NO_ROOM,
    )
    if before is None:
        return one
    known = [ms for ms in (before.waited_ms, one.waited_ms) if ms is not None]
    return replace(one, waited_ms=sum(known) if known else None, attempts=before.attempts + 1)


def _speed(end: CallRow) -> float | None:
    """Tokens a second after the first; None where there is too little to tell."""
    if end.tokens is None or end.tokens < 2 or end.latency_ms is None or end.ttft_ms is None:  # noqa: PLR2004
        return None
    generating_ms = end.latency_ms - end.ttft_ms
    return 1000 * (end.tokens - 1) / generating_ms if generating_ms > _LEAST_GENERATING_MS else None


def figures(calls: Sequence[EndedCall]) -> tuple[Figures, ...]:
    """A row for each backend that there are calls of, the primary first and clouds last."""
    by_backend: dict[str, list[EndedCall]] = {}
    for call in calls:
        by_backend.setdefault(call.backend, []).append(call)
    rows = (_figures(backend, of) for backend, of in by_backend.items())
    return tuple(
        sorted(rows, key=lambda row: (row.mode is Mode.CLOUD, row.backend != PRIMARY, row.backend))
    )


def _figures(backend: str, calls: Sequence[EndedCall]) -> Figures:
    waited = sorted(
        math.inf if not call.answered or call.waited_ms is None else call.waited_ms
        for call in calls
    )
    firsts = sorted(call.ttft_ms for call in calls if call.ttft_ms is not None)
    speeds = sorted(call.tokens_per_s for call in calls if call.tokens_per_s is not None)
    return Figures(
        backend,
        calls[-1].mode,
        len(calls),
        sum(not call.answered for call in calls),
        nearest_rank(waited, 50, ordered=True),
        nearest_rank(waited, 95, ordered=True),
        nearest_rank(firsts, 50, ordered=True),
        nearest_rank(firsts, 95, ordered=True),
        nearest_rank(speeds, 50, ordered=True),
    )


def of_state(calls: Sequence[EndedCall]) -> tuple[Figures, ...]:
    """As ``figures``, for judging a server: one that is busy is not failing.

    What it turned away counts as ``busy`` and as nothing else.
    """
    found = {of.backend: of for of in figures([call for call in calls if not call.busy])}
    for call in calls:
        if call.busy:
            of = found.get(call.backend, Figures(call.backend, call.mode))
            found[call.backend] = replace(of, busy=of.busy + 1)
    return tuple(found.values())
