"""Figures: nearest rank, and numbers as a person reads them.

A figure always has its unit, and the same width for the same size. Ranks, percentages and durations
are worked out and written here and nowhere else, so that all surfaces show the same number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

Value = TypeVar("Value")

NONE = "–"


def nearest_rank(values: Sequence[float], percent: float, *, ordered: bool = False) -> float | None:
    """The smallest value that at least ``percent`` (0 < percent ≤ 100) of all do not exceed.

    ∞ counts as the greatest; None without values. ``ordered`` says that they are sorted already.
    """
    if not values:
        return None
    from fractions import Fraction  # costs --help a tenth of its time

    rank = math.ceil(Fraction(str(percent)) * len(values) / 100)
    return (values if ordered else sorted(values))[max(rank, 1) - 1]


def first_where(values: Sequence[Value], holds: Callable[[Value], bool]) -> int:
    """The index of the first value that ``holds``, found by halving; their number where none does.

    What holds for one must hold for all that follow it.
    """
    from bisect import bisect_left

    return bisect_left(values, 1, key=holds)


def finite(value: object) -> float | None:
    """What a record holds as a number, as one that can be reckoned with; None where it is none.

    A stranger's log may hold anything there, also ∞ and integers beyond every float.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def share(part: float, whole: float) -> float | None:
    """``part`` of ``whole`` in percent; None of nothing."""
    return 100 * part / whole if whole else None


def duration(ms: float | None) -> str:  # noqa: PLR0911  one return a size
    """``0.4 ms``, ``61 ms``, ``1.31 s``, ``12.3 s``, ``2 m 05 s``, ``12 min``, ``3 h``, ``∞``."""
    if ms is None or math.isnan(ms):
        return NONE
    if math.isinf(ms):
        return "∞"
    if ms < 9.95:  # noqa: PLR2004  below this a decimal tells something
        return f"{ms:.1f} ms"
    if ms < 999.5:  # noqa: PLR2004  rounds to 1000 ms
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 9.995:  # noqa: PLR2004
        return f"{seconds:.2f} s"
    if seconds < 99.95:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:  # noqa: PLR2004
        return f"{minutes} m {rest:02} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.0f} h"  # noqa: PLR2004


def told_apart(values: Sequence[float], ways: Iterable[Callable[[float], str]]) -> list[str]:
    """The values in the first of ``ways`` that tells apart all which differ, else in the last."""
    said: list[str] = []
    for way in ways:
        said = [way(value) for value in values]
        if len(set(said)) == len(set(values)):
            break
    return said


def decimals(value: float, places: int) -> str:
    """``1,204.5``; what rounds to zero has no sign."""
    return f"{round(value, places) + 0.0:,.{places}f}"


def ago(seconds: float) -> str:
    """``now``, ``3 s ago``, ``5 min ago``, ``2 h ago``, ``3 d ago``."""
    if seconds < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    raise AssertionError(seconds)


def count(number: int | None) -> str:
    """``12,408``; a dash for None."""
    return NONE if number is None else f"{number:,}"


def percent(value: float | None) -> str:
    """``96 %``, ``99.4 %``; a dash for None. Never rounded up to a whole 100 it does not reach."""
    if value is None:
        return NONE
    rounded = 99.9 if 99.9 < value < 100 else value  # noqa: PLR2004  percent
    text = f"{rounded:.1f}".removesuffix(".0")
    return f"{text} %"


def plural(number: int, noun: str) -> str:
    """``1 call``, ``2 calls``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clock_time(moment: datetime, now: datetime) -> str:
    """At most twelve columns of local time: with milliseconds today, with the date before."""
    local = moment.astimezone()
    if local.date() == now.astimezone().date():
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return f"{local:%b %d %H:%M}"


def day_time(moment: datetime) -> str:
    """``2026-01-12 10:30`` in local time."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def usd(value: float | None) -> str:
    """``$4.12``, ``$0.0031``, ``$1,204``; a dash for None."""
    if value is None:
        return NONE
    if value >= 1000:  # noqa: PLR2004  cents no longer tell anything
        return f"${value:,.0f}"
    if value >= 0.01 or value == 0:  # noqa: PLR2004
        return f"${value:.2f}"
    return f"${value:.4f}" if value >= 0.0001 else "< $0.0001"  # noqa: PLR2004
