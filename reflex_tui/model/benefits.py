"""Why reflex pays, worked out from the evidence: speed, cost, locality, success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.stages import PRIMARY, Mode

if TYPE_CHECKING:
    from core.capsule.index import Totals
    from core.router.decision import GateView
    from core.settings import Settings


QUICK_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Benefits:
    """What reflex brought over a stretch of time; None where it is unknown.

    ``quick_percent`` of ``calls`` were answered in under a second, retries and fallbacks included.
    ``saved_usd`` is what the cloud's prices make of the tokens that reflex answered with; without
    prices it is None and ``priced`` is False. ``kept_percent`` of all counted tokens stayed on this
    machine, or merely off the cloud when ``on_machine`` is False. ``uncounted`` answers came from
    servers that did not count their tokens. ``parity_percent`` is the valid gate's,
    ``no_parity`` why there is none.
    """

    calls: int = 0
    quick_percent: float | None = None
    saved_usd: float | None = None
    priced: bool = False
    kept_percent: float | None = None
    on_machine: bool = True
    uncounted: int = 0
    parity_percent: float | None = None
    no_parity: str = ""


def benefits_of(totals: Totals, settings: Settings, gate: GateView | None) -> Benefits:
    """The benefits in ``totals`` at the prices in ``[cloud]``."""
    local = [each for each in totals.backends if each.mode == Mode.REFLEX]
    prompt = sum(each.prompt for each in local)
    completion = sum(each.completion for each in local)
    tokens = sum(each.prompt + each.completion for each in totals.backends)
    saved = settings.cloud.price_usd(prompt, completion)
    return Benefits(
        calls=totals.calls,
        quick_percent=100 * totals.quick / totals.calls if totals.calls else None,
        saved_usd=saved,
        priced=saved is not None,
        kept_percent=100 * (prompt + completion) / tokens if tokens else None,
        on_machine=all(_is_here(settings, each.backend) for each in local),
        uncounted=sum(each.answered - each.counted for each in totals.backends),
        parity_percent=parity(gate),
        no_parity="not measured" if gate and gate.valid else "no valid gate pass",
    )


def parity(gate: GateView | None) -> float | None:
    """Solved by reflex relative to the cloud, percent, by a gate pass that holds."""
    if gate is None or not gate.valid or gate.event is None:
        return None
    from core.capsule.events import criterion_metrics  # pydantic costs the first paint

    metric = criterion_metrics(gate.event).get("success_parity")
    return metric.value if metric else None


def _is_here(settings: Settings, backend: str) -> bool:
    from core.settings.trust import is_loopback  # pydantic costs the first paint

    if backend == PRIMARY:
        return is_loopback(settings.reflex.endpoint)
    configured = settings.reflex.backends.get(backend)
    return configured is not None and is_loopback(configured.endpoint)
