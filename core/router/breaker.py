"""The circuit breaker's rule: pure transitions of one (endpoint, model) over time.

Times are seconds of a clock that counts since boot, also while the machine sleeps, and that nobody
can set; ``boot`` tells one such count from the next. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from core.errors import Counting
from core.router.decision import BreakerState, BreakerView

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_OPEN_S = 300.0
LEASE_GRACE_S = 1.0
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered between calls, by all processes of a workspace.

    ``failures`` are consecutive; ``trips`` counts openings since the last success and lengthens
    the next one; ``lease`` names the one probe that may be under way until ``lease_until``.
    """

    failures: int = 0
    trips: int = 0
    opened_at: float = 0.0
    open_for_s: float = 0.0
    lease: str = ""
    lease_until: float = 0.0
    boot: str = ""


class Moment(NamedTuple):
    """Now: seconds since the boot that ``boot`` names."""

    seconds: float
    boot: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The configuration: how many failures open it, and for how long at first."""

    max_failures: int
    recovery_s: float

    def view(self, memory: Memory, now: Moment) -> BreakerView:
        """The state at ``now``."""
        if memory.failures < self.max_failures:
            return BreakerView(BreakerState.CLOSED, memory.failures, self.max_failures)
        wait = self._remaining(memory, now, memory.opened_at, memory.open_for_s)
        if wait > 0:
            return BreakerView(BreakerState.OPEN, memory.failures, self.max_failures, wait)
        wait = self._remaining(memory, now, now.seconds, memory.lease_until - now.seconds)
        if not memory.lease or wait <= 0:
            wait = 0.0
        return BreakerView(BreakerState.HALF_OPEN, memory.failures, self.max_failures, wait)

    def admit(self, memory: Memory, now: Moment, lease: str, deadline_s: float) -> Memory | None:
        """The memory after letting one call through, or None when it may not go.

        A probe holds ``lease`` until its deadline has passed, whatever becomes of it.
        """
        view = self.view(memory, now)
        if not view.lets_through:
            return None
        if view.state is BreakerState.CLOSED:
            return memory
        until = now.seconds + deadline_s + LEASE_GRACE_S
        return replace(memory, lease=lease, lease_until=until, boot=now.boot)

    def succeeded(self, _memory: Memory) -> Memory:
        """After a real, valid answer: closed, nothing held against it."""
        return Memory()

    def failed(
        self, memory: Memory, now: Moment, counting: Counting, random: Callable[[], float]
    ) -> Memory:
        """After a failed attempt that counts as ``counting`` says."""
        if counting is Counting.NOT_COUNTED:
            return self.released(memory)
        failures = memory.failures + 1
        if counting is Counting.OPENS:
            failures = max(failures, self.max_failures)
        if failures < self.max_failures:
            return replace(memory, failures=failures, boot=now.boot)
        already = self.view(memory, now).state is BreakerState.OPEN
        if already:  # a straggler that began before it opened does not lengthen the wait
            return replace(memory, failures=failures)
        factor = 1 + _JITTER * (2 * random() - 1)
        open_for_s = min(MAX_OPEN_S, self.recovery_s * 2.0**memory.trips * factor)
        return Memory(failures, min(memory.trips + 1, 16), now.seconds, open_for_s, boot=now.boot)

    def released(self, memory: Memory) -> Memory:
        """After a probe that proved nothing: the next call may probe."""
        return replace(memory, lease="", lease_until=0.0)

    def _remaining(self, memory: Memory, now: Moment, since: float, length: float) -> float:
        # Another boot, or a count that runs backwards, tells nothing about how long ago it was;
        # due now is the safe reading, since a probe is one request.
        if memory.boot != now.boot or now.seconds < since or length > MAX_OPEN_S * 4:
            return 0.0
        return max(0.0, since + length - now.seconds)
