"""What a caller's task adds to the routing rule for one of its calls."""

from __future__ import annotations

from dataclasses import dataclass

ATTEMPTS_FAILED = "attempts_failed"
"""The detail of a decision made because replies came and were of no use to the task."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one call asks for beyond the table.

    ``given_up`` names the backends that the task has left behind after too many failed attempts:
    they are not asked again. With ``sampled_locally``, temperature, seed and ``max_tokens`` are
    for local servers alone: cloud models refuse the first and think within the last.
    """

    given_up: frozenset[str] = frozenset()
    sampled_locally: bool = False
