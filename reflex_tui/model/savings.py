"""Savings in words: a figure with its interval, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.figures import NONE, duration, percent, plural
from core.figures import usd as dollars
from core.monitor.savings import LEAST_HELD_OUT

if TYPE_CHECKING:
    from core.monitor.savings import Savings
    from core.settings import Settings


def usd(saved: Savings) -> str:
    """Money saved, and how that is known."""
    found = saved.usd
    if found is None:
        return NONE
    if found.low is None or found.high is None:
        return f"about {dollars(found.value)}, if the cloud had needed as many tokens"
    return f"{dollars(found.value)} ({_signed(found.low)} to {_signed(found.high)})"


def seconds(saved: Savings) -> str:
    """Waiting saved."""
    found = saved.seconds
    if found is None or found.low is None or found.high is None:
        return NONE
    return f"{_time(found.value)} ({_time(found.low)} to {_time(found.high)})"


def parity(saved: Savings) -> str:
    """Success relative to the cloud."""
    found, (ours, theirs) = saved.parity, saved.known
    if found is None or found.low is None or found.high is None:
        return NONE
    shown = f"{percent(100 * found.value)} of the cloud's"
    reach = f"{percent(100 * found.low)} to {percent(100 * found.high)}"
    return f"{shown} ({reach}; {ours} and {theirs} outcomes)"


def brief_usd(saved: Savings) -> tuple[str, str]:
    """Money saved and its interval, each short; the interval is empty where none is known."""
    found = saved.usd
    if found is None:
        return NONE, ""
    if found.low is None or found.high is None:
        return f"~ {dollars(found.value)}", ""
    return dollars(found.value), f"{_signed(found.low)}…{_signed(found.high)}"


def brief_seconds(saved: Savings) -> tuple[str, str]:
    """Waiting saved, likewise."""
    found = saved.seconds
    if found is None or found.low is None or found.high is None:
        return NONE, ""
    return _time(found.value), f"{_time(found.low)}…{_time(found.high)}"


def brief_parity(saved: Savings) -> tuple[str, str]:
    """Success relative to the cloud, likewise."""
    found = saved.parity
    if found is None or found.low is None or found.high is None:
        return NONE, ""
    return percent(100 * found.value), f"{100 * found.low:.0f}…{100 * found.high:.0f} %"


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


def _signed(value: float) -> str:
    return f"-{dollars(-value)}" if value < 0 else dollars(value)


def _time(value: float) -> str:
    return f"-{duration(-1000 * value)}" if value < 0 else duration(1000 * value)
