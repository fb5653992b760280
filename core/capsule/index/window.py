"""Questions to the index about a stretch of time: latency slice by slice, tokens, what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.index.store import BLOCK_BITS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection
    from datetime import datetime

    from core.capsule.index.columns import Kind

_CALL = "LLMCall"
_NEVER = 1 << 52


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``since`` up to ``until``, in ``slices`` of equal length."""

    since: datetime
    until: datetime
    slices: int = 1

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """Both ends in ms since 1970."""
        return round(self.since.timestamp() * 1000), round(self.until.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Slice:
    """A mode's calls that ended in one slice, ``number`` from 0; ``failed`` had no answer.

    Percentiles are nearest rank in ms, of those that were answered; None without any.
    """

    number: int
    answered: int
    failed: int
    p50: float | None = None
    p95: float | None = None
    ttft_p50: float | None = None
    ttft_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one backend answered: how many attempts, for how many the server counted tokens."""

    mode: str
    backend: str
    answered: int
    counted: int
    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A stretch's calls, ``quick`` of them answered in time with all their attempts, and tokens."""

    calls: int
    quick: int
    backends: tuple[Tokens, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """How many events of a kind lie in one slice, ``number`` from 0."""

    number: int
    kind: Kind
    events: int


def slices_of(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    stretch: Stretch,
    mode: str,
    origins: Collection[str],
) -> list[Slice]:
    """The slices that hold calls of a mode, ascending."""

    def of_mode(kind: Kind, *, success: bool) -> bool:
        ours = kind.event_type == _CALL and kind.mode == mode and kind.origin in origins
        return ours and (kind.success is True) is success

    good = _listed(kinds, lambda kind: of_mode(kind, success=True))
    bad = _listed(kinds, lambda kind: of_mode(kind, success=False))
    ranked = f"""
        WITH found AS ({_sliced("latency_ms, ttft_ms", good)}), ranked AS (
            SELECT slice, latency_ms, ttft_ms,
                count(*) OVER whole AS answered, count(ttft_ms) OVER whole AS begun,
                row_number() OVER (PARTITION BY slice ORDER BY latency_ms) AS total_rank,
                row_number() OVER (PARTITION BY slice ORDER BY ttft_ms NULLS LAST) AS ttft_rank
            FROM found WINDOW whole AS (PARTITION BY slice))
        SELECT slice, count(*),
            min(latency_ms) FILTER (WHERE total_rank * 100 >= answered * 50),
            min(latency_ms) FILTER (WHERE total_rank * 100 >= answered * 95),
            min(ttft_ms) FILTER (WHERE ttft_rank * 100 >= begun * 50),
            min(ttft_ms) FILTER (WHERE ttft_rank * 100 >= begun * 95)
        FROM ranked GROUP BY slice"""  # noqa: S608  numbers of ours
    asked = _asked(db, stretch)
    answered = {row[0]: row[1:] for row in db.execute(ranked, asked)}
    sql = f"SELECT slice, count(*) FROM ({_sliced('seq', bad)}) GROUP BY slice"  # noqa: S608
    failed: dict[int, int] = dict(db.execute(sql, asked).fetchall())
    return [
        Slice(number, count, failed.get(number, 0), *percentiles)
        for number in sorted({*answered, *failed})
        for count, *percentiles in (answered.get(number, (0,)),)
    ]


def totals_of(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    stretch: Stretch,
    quick_ms: float,
    origins: Collection[str],
) -> Totals:
    """The stretch's calls, each with all its attempts, and each backend's tokens."""
    ours = _listed(kinds, lambda kind: kind.event_type == _CALL and kind.origin in origins)
    asked = _asked(db, stretch)
    calls, quick = db.execute(
        f"""
        SELECT count(*), count(*) FILTER (WHERE answered AND waited < :quick)
        FROM (SELECT max(answered) AS answered, sum(latency_ms) AS waited
            FROM ({_sliced("call, answered, latency_ms", ours)}) GROUP BY call)""",  # noqa: S608
        asked | {"quick": quick_ms},
    ).fetchone()
    columns = "kind, prompt_tokens, completion_tokens"
    rows = db.execute(
        f"""
        SELECT kind, count(*), count(coalesce(prompt_tokens, completion_tokens)),
            sum(prompt_tokens), sum(completion_tokens)
        FROM ({_sliced(columns, ours)} AND answered) GROUP BY kind""",  # noqa: S608
        asked,
    )
    summed: dict[tuple[str, str], list[int]] = {}
    known = list(kinds)
    for number, *figures in rows:
        of = summed.setdefault((known[number].mode, known[number].backend), [0] * 4)
        of[:] = [before + (more or 0) for before, more in zip(of, figures, strict=True)]
    return Totals(calls, quick, tuple(Tokens(*key, *value) for key, value in summed.items()))


def seen_in(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    stretch: Stretch,
    wanted: Callable[[Kind], bool],
) -> list[Seen]:
    """How many events of each wanted kind lie in each slice."""
    ours = _listed(kinds, wanted)
    sql = f"SELECT slice, kind, count(*) FROM ({_sliced('kind', ours)}) GROUP BY slice, kind"  # noqa: S608
    known = list(kinds)
    found = db.execute(sql, _asked(db, stretch))
    return [Seen(number, known[kind], events) for number, kind, events in found]


def _listed(kinds: dict[Kind, int], wanted: Callable[[Kind], bool]) -> str:
    return ",".join(str(number) for kind, number in kinds.items() if wanted(kind))


def _sliced(columns: str, kinds: str) -> str:
    return f"""
        SELECT (time_ms - :since) * :slices / (:until - :since) AS slice, {columns} FROM events
        WHERE seq >= :first AND time_ms >= :since AND time_ms < :until
            AND kind IN ({kinds})"""  # noqa: S608  names and numbers of ours


def _asked(db: sqlite3.Connection, stretch: Stretch) -> dict[str, Any]:
    since_ms, until_ms = stretch.bounds_ms
    (block,) = db.execute(
        "SELECT min(block) FROM blocks WHERE latest_ms >= ?", (since_ms,)
    ).fetchone()
    first = _NEVER if block is None else block << BLOCK_BITS
    return {"since": since_ms, "until": until_ms, "slices": stretch.slices, "first": first}
