"""How long the demo lets a call take, and how much it asks for, on the machine it runs on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.router.condition import DeepProbe

_LEAST_TOKENS, _MOST_TOKENS = 64, 160
_LEAST_TIMEOUT_MS, _MOST_TIMEOUT_MS = 2000.0, 30_000.0
# A reply is to take so much of the gate's limit, and a call may take so many times a reply.
_SHARE_OF_LIMIT, _PATIENCE = 0.6, 3.0
# Three calls that time out are to fall back while the story holds the engine; a slow one's replies
# are to be waited for all the same.
_STORY_MS, _LEAST_PATIENCE = 6000.0, 1.5
_UNKNOWN_TOKENS_PER_S = 20.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """``reply_tokens`` are asked for at most, which takes about ``reply_ms``; deadline in ms."""

    reply_tokens: int
    reply_ms: float
    timeout_ms: int


def calibrated(probe: DeepProbe | None, limit_ms: float) -> Calibration:
    """What fits this machine, by one generation that was measured; careful without one."""
    speed = (probe.tokens_per_s if probe else None) or _UNKNOWN_TOKENS_PER_S
    ttft_ms = (probe.ttft_ms if probe else None) or 0.0
    room_ms = max(0.0, limit_ms * _SHARE_OF_LIMIT - ttft_ms)
    tokens = max(_LEAST_TOKENS, min(_MOST_TOKENS, math.floor(room_ms / 1000 * speed)))
    reply_ms = ttft_ms + 1000 * tokens / speed
    patient_ms = min(_PATIENCE * reply_ms, max(_STORY_MS, _LEAST_PATIENCE * reply_ms))
    timeout_ms = max(_LEAST_TIMEOUT_MS, min(_MOST_TIMEOUT_MS, patient_ms))
    return Calibration(tokens, reply_ms, math.ceil(timeout_ms / 500) * 500)
