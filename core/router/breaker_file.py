"""The circuit breaker as all processes of a workspace share it: a small file under a lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import time
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.private import make_private
from core.router.breaker import Memory, Moment, Rule
from core.router.decision import BreakerState, BreakerView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.errors import Counting

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
        rule: Rule,
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
        if self._descriptor is None:
            # Nothing has failed here yet, which is most often so, and told without an exception.
            if not os.access(self._place, os.F_OK):
                return self._memory
            try:
                self._descriptor = os.open(self._place, os.O_RDWR | os.O_CLOEXEC)
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
        except OSError:
            yield self._remember
            return
        assert self._descriptor is not None
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._raw = os.pread(self._descriptor, _SIZE, 0)
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
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _remember(self, memory: Memory) -> None:
        self._memory = memory

    def _store(self, memory: Memory) -> None:
        assert self._descriptor is not None
        self._memory = memory
        self._raw = json.dumps(asdict(memory)).encode().ljust(_SIZE - 1) + b"\n"
        os.pwrite(self._descriptor, self._raw, 0)


def _decode(raw: bytes) -> Memory:
    fields = json.loads(raw)
    if not isinstance(fields, dict):
        raise ValueError("not an object")  # noqa: TRY004  the caller knows one kind of bad file
    defaults = asdict(Memory())
    if fields.keys() != defaults.keys():
        raise ValueError("other fields")
    if any(not isinstance(fields[key], type(value)) for key, value in defaults.items()):
        raise ValueError("other types")
    return Memory(**fields)
