"""Savings in words: a figure with its interval, or why there is none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.figures import NONE, decimals, duration, percent, plural, told_apart
from core.figures import usd as dollars
from core.monitor.savings import LEAST_HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.monitor.savings import SavedFigure, Savings
    from core.settings import Settings


def usd(saved: Savings) -> str:
    """Money saved, and how that is known."""
    found = saved.usd
    if found is None:
        return NONE
    ends = _ends(found)
    if not ends:
        return f"{_about('about', found.value)}, if the cloud had needed as many tokens"
    value, low, high = told_apart((found.value, *ends), (_signed, *_MONEY))
    return f"{value} ({low} to {high})"


def seconds(saved: Savings) -> str:
    """Waiting saved."""
    ends = _ends(saved.seconds)
    if saved.seconds is None or not ends:
        return NONE
    every = (saved.seconds.value, *ends)
    value, low, high = told_apart(every, (_time, *_in_one_unit(every)))
    return f"{value} ({low} to {high})"


def parity(saved: Savings) -> str:
    """Success relative to the cloud."""
    ends, (ours, theirs) = _ends(saved.parity), saved.known
    if saved.parity is None or not ends:
        return NONE
    value, low, high = told_apart((saved.parity.value, *ends), (_share, *_SHARES))
    return f"{value} of the cloud's ({low} to {high}; {ours} and {theirs} outcomes)"


def brief_usd(saved: Savings) -> tuple[str, str]:
    """Money saved and its interval, each short; the interval is empty where none is known."""
    found = saved.usd
    if found is None:
        return NONE, ""
    ends = _ends(found)
    if not ends:
        return _about("~", found.value), ""
    ways = _MONEY[max(map(abs, ends)) < _LARGE :]
    _, low, high = told_apart((found.value, *ends), ways)
    return dollars(found.value), f"{low}…{high}"


def brief_seconds(saved: Savings) -> tuple[str, str]:
    """Waiting saved, likewise; its unit stands once."""
    ends = _ends(saved.seconds)
    if saved.seconds is None or not ends:
        return NONE, ""
    every = (saved.seconds.value, *ends)
    _, low, high = told_apart(every, _in_one_unit(every))
    return _time(saved.seconds.value), f"{low.split()[0]}…{high}"


def brief_parity(saved: Savings) -> tuple[str, str]:
    """Success relative to the cloud, likewise."""
    ends = _ends(saved.parity)
    if saved.parity is None or not ends:
        return NONE, ""
    _, low, high = told_apart((saved.parity.value, *ends), _SHARES)
    return _share(saved.parity.value), f"{low.split()[0]}…{high}"


def unknown(saved: Savings, settings: Settings) -> list[str]:
    """What is not known, and what would tell; one line each."""
    lines = []
    if saved.usd is None:
        lines.append("Money: set price_input_per_million and price_output_per_million in [cloud].")
    if saved.seconds is None:
        share = settings.reflex.monitor.holdout
        so_far = f"{saved.held_out} of {LEAST_HELD_OUT} calls were held out for it so far."
        how = "To compare with the cloud, set [reflex.monitor] holdout = 0.05."
        lines.append(f"What the cloud would have taken is not known. {so_far if share else how}")
    else:
        lines.append("Intervals hold with 95 % confidence; held-out calls were chosen by chance.")
    if saved.parity is None:
        lines.append(_success_unknown(*saved.known))
    return lines


def _success_unknown(ours: int, theirs: int) -> str:
    """``ours`` and ``theirs`` are how many outcomes are known of each side."""
    how = "report outcomes of calls: code reflex outcome CALL_ID ok|failed."
    if not ours and not theirs:
        return f"Success: {how}"
    so_far = f"outcomes are known of {plural(ours, 'call')} of reflex and {theirs} of the cloud"
    if min(ours, theirs) < LEAST_HELD_OUT:
        return f"Success: {so_far}, {LEAST_HELD_OUT} of each are needed; {how}"
    return f"Success: {so_far}, but none of one side's worked, so there is no ratio."


def _ends(found: SavedFigure | None) -> tuple[float, float] | None:
    """The interval's, where there is one."""
    if found is None or found.low is None or found.high is None:
        return None
    return found.low, found.high


def _about(word: str, usd: float) -> str:
    """``about $0.05``; what is too little to be told is not about anything."""
    told = dollars(usd)
    return told if told.startswith("<") else f"{word} {told}"


def _signed(value: float) -> str:
    if value >= 0:
        return dollars(value)
    return f"-{dollars(-value)}".replace("-< ", "> -")


def _time(value: float) -> str:
    return f"-{duration(-1000 * value)}" if value < 0 else duration(1000 * value)


def _share(value: float) -> str:
    return percent(100 * value)


def _money(value: float, places: int) -> str:
    shown = decimals(value, places)
    return f"-${shown[1:]}" if shown.startswith("-") else f"${shown}"


def _in_one_unit(every_s: Sequence[float]) -> list[Callable[[float], str]]:
    """Seconds in the unit of the greatest, with more and more decimals."""
    most = max(map(abs, every_s))
    size, unit = next((each for each in _UNITS if most >= each[0]), _UNITS[-1])
    return [partial(_in_unit, size=size, unit=unit, places=places) for places in range(4)]


def _in_unit(value: float, *, size: float, unit: str, places: int) -> str:
    return f"{decimals(value / size, places)} {unit}"


_UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))
_LARGE = 1000.0
# With more and more decimals.
_MONEY = [partial(_money, places=places) for places in (0, 2, 3, 4, 6)]
_SHARES = [partial(_in_unit, size=0.01, unit="%", places=places) for places in range(4)]
