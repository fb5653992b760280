"""The circuit breaker: its rule, and the small file that all processes of a workspace share.

``BreakerRule`` holds pure transitions of one (endpoint, model) over time. Times are seconds of a
clock that counts since boot, also while the machine sleeps, and that nobody can set; ``boot`` tells
one such count from the next. ``Breaker`` keeps the rule's memory in a file under a lock. What the
file holds may be anybody's: whatever is not a sound record counts as no failures at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import time
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.errors import Counting
from core.files import make_private, open_state
from core.router.decision import BreakerState, BreakerView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


MAX_OPEN_S = 300.0
LEASE_GRACE_S = 1.0
_JITTER = 0.2
_MOST_TRIPS = 16  # doubling has long reached the cap
_MOST = 1e12  # of failures and of seconds since boot


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
class BreakerRule:
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
        """After a real, valid answer: closed, and no failures."""
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
        trips = min(memory.trips + 1, _MOST_TRIPS)
        return Memory(failures, trips, now.seconds, open_for_s, boot=now.boot)

    def released(self, memory: Memory) -> Memory:
        """After a probe that proved nothing: the next call may probe."""
        return replace(memory, lease="", lease_until=0.0)

    def _remaining(self, memory: Memory, now: Moment, since: float, length: float) -> float:
        # Another boot, or a count that runs backwards, tells nothing about how long ago it was;
        # due now is the safe reading, since a probe is one request.
        if memory.boot != now.boot or now.seconds < since or length > MAX_OPEN_S * 4:
            return 0.0
        return max(0.0, since + length - now.seconds)


# In place and of fixed size: a reader without the lock sees the old record or the new one, or a
# mixture that does not parse, and then it asks again under the lock.
_SIZE = 512
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "this-boot"  # elsewhere the monotonic clock is the machine's and runs on


def since_boot() -> Moment:
    """The machine's own count, which no change of the wall clock moves."""
    return Moment(time.clock_gettime(_CLOCK), _boot())


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state, for the capsule."""

    before: BreakerState
    after: BreakerView


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to make one attempt; a probe carries its ``lease``."""

    lease: str
    transition: Transition | None = None


class Breaker:
    """The breaker of one (endpoint, model) of one workspace.

    Where the file cannot be used the count lives in this process alone.
    """

    def __init__(
        self,
        directory: Path,
        endpoint: str,
        model: str,
        rule: BreakerRule,
        *,
        now: Callable[[], Moment] = since_boot,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        name = hashlib.sha256(f"{endpoint}\n{model}".encode()).hexdigest()[:16]
        self.path = directory / f"{name}.json"
        self.rule = rule
        self._place = os.fspath(self.path)
        self._now = now
        self._uniform = uniform
        self._raw = b""
        self._memory = Memory()
        self._descriptor: int | None = None
        self._unwritten = False  # what is known is not in the file

    def view(self) -> BreakerView:
        """The state now; costs one small read."""
        return self.rule.view(self._read(), self._now())

    def admit(self, deadline_s: float) -> Admission | None:
        """Leave for one attempt, or None; a probe's lease ends with the deadline + 1 s."""
        if self.view().state is BreakerState.CLOSED:
            return Admission("")
        lease = uuid.uuid4().hex
        with self._locked() as write:
            now = self._now()
            before = self.rule.view(self._memory, now)
            admitted = self.rule.admit(self._memory, now, lease, deadline_s)
            if admitted is None:
                return None
            write(admitted)
            if before.state is BreakerState.CLOSED:
                return Admission("")
            return Admission(lease, self._half_opened(now))

    def succeeded(self) -> Transition | None:
        """A real, valid answer came."""
        if self._read() == Memory():
            return None
        return self._change(self.rule.succeeded)

    def failed(self, counting: Counting) -> Transition | None:
        """An attempt failed."""
        return self._change(
            lambda memory: self.rule.failed(memory, self._now(), counting, self._uniform)
        )

    def released(self, admission: Admission) -> None:
        """The attempt was called off; if it was the probe, another may go now."""
        if admission.lease:
            self._change(
                lambda memory: (
                    self.rule.released(memory) if memory.lease == admission.lease else memory
                )
            )

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _half_opened(self, now: Moment) -> Transition:
        return Transition(BreakerState.OPEN, self.rule.view(self._memory, now))

    def _change(self, rule: Callable[[Memory], Memory]) -> Transition | None:
        with self._locked() as write:
            before = self.rule.view(self._memory, self._now()).state
            write(rule(self._memory))
            after = self.rule.view(self._memory, self._now())
        return Transition(before, after) if after.state is not before else None

    def _read(self) -> Memory:
        if self._unwritten:
            return self._memory
        if self._descriptor is None:
            # Most often nothing has failed here yet; that is found out without an exception.
            if not os.access(self._place, os.F_OK):
                return self._memory
            try:
                self._descriptor = open_state(self.path, os.O_RDWR)
            except OSError:
                return self._memory
        raw = os.pread(self._descriptor, _SIZE, 0)
        if raw != self._raw:
            try:
                self._memory = _decode(raw)
            except ValueError:
                with self._locked():
                    return self._memory
            self._raw = raw
        return self._memory

    @contextmanager
    def _locked(self) -> Iterator[Callable[[Memory], None]]:
        """Hold the lock with ``_memory`` fresh; yields what stores a new one."""
        try:
            self._reopen()
            assert self._descriptor is not None
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._raw = os.pread(self._descriptor, _SIZE, 0)
        except OSError:
            yield self._remember
            return
        try:
            if not self._unwritten:
                try:
                    self._memory = _decode(self._raw)
                except ValueError:  # corrupt or empty means: nothing known against it
                    self._memory = Memory()
            yield self._store
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _reopen(self) -> None:
        # By name each time: somebody may have deleted the file, and the others use the new one.
        self.close()
        make_private(self.path.parent)
        self._descriptor = open_state(self.path, os.O_RDWR | os.O_CREAT)

    def _remember(self, memory: Memory) -> None:
        self._memory = memory

    def _store(self, memory: Memory) -> None:
        assert self._descriptor is not None
        self._memory = memory
        raw = json.dumps(asdict(memory)).encode().ljust(_SIZE - 1) + b"\n"
        try:
            self._unwritten = os.pwrite(self._descriptor, raw, 0) < _SIZE
        except OSError:  # a full disk, most often
            self._unwritten = True
        self._raw = raw


def _decode(raw: bytes) -> Memory:
    """The record in ``raw``, which may be anybody's; ValueError where it is none of ours."""
    try:
        fields = json.loads(raw)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(fields, dict):
        raise ValueError("not an object")  # noqa: TRY004  the caller knows one kind of bad file
    defaults = asdict(Memory())
    if fields.keys() != defaults.keys():
        raise ValueError("other fields")
    if any(type(fields[key]) is not type(value) for key, value in defaults.items()):
        raise ValueError("other types")
    numbers = [value for value in fields.values() if not isinstance(value, str)]
    # Also false for NaN.
    if not all(0 <= number <= _MOST for number in numbers) or fields["trips"] > _MOST_TRIPS:
        raise ValueError("out of range")
    return Memory(**fields)
