"""What an engine says it is doing, in the words that the command line and the dashboard share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.figures import count, percent
from core.plain import plain

if TYPE_CHECKING:
    from core.client.load import EngineLoad


def speed(load: EngineLoad) -> str:
    """``118 tok/s``; empty where it is not known."""
    return "" if load.tokens_per_s is None else f"{load.tokens_per_s:.0f} tok/s"


def shares(load: EngineLoad) -> tuple[str, ...]:
    """The shares it publishes: KV cache in use, prefix hits, drafts kept."""
    named = (
        ("KV", load.kv_cache_usage),
        ("prefix hits", load.cache_hit_rate),
        ("drafts kept", load.draft_acceptance),
    )
    return tuple(f"{name} {percent(round(100 * of, 1))}" for name, of in named if of is not None)


def refused(load: EngineLoad) -> str:
    """How many requests it refused since its start, and why; empty for none."""
    if not load.rejected:
        return ""
    whys = ", ".join(plain(why, 40) for why in load.rejected)
    return f"{count(sum(load.rejected.values()))} refused since its start ({whys})"
