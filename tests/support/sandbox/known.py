"""What the attacks on this machine's sandboxes came to, found out once for all that ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.sandbox import selftest

if TYPE_CHECKING:
    from core.harness.sandbox import Escape, Tier

_attack = selftest.attack
_held: dict[Tier, tuple[Escape, ...]] = {}


async def attack_once(tier: Tier) -> tuple[Escape, ...]:
    """As ``selftest.attack``, but a tier that has held is not attacked again by this process."""
    if tier in _held:
        return _held[tier]
    escapes = await _attack(tier)
    if all(escape.held for escape in escapes):
        _held[tier] = escapes
    return escapes
