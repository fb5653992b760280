"""The circuit breaker: its rule against a plain model, and its file between processes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.errors import Counting
from core.router.breaker import (
    LEASE_GRACE_S,
    MAX_OPEN_S,
    Admission,
    Breaker,
    BreakerRule,
    Moment,
    since_boot,
)
from core.router.decision import BreakerState

TRACES = 10_000 if os.environ.get("REFLEX_TORTURE") else 60
MAX_FAILURES = 3
RECOVERY_S = 30.0
DEADLINE_S = 1.5


class Time:
    """A count since boot that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.boot = "boot-1"

    def __call__(self) -> Moment:
        return Moment(self.seconds, self.boot)


def breaker(directory: Path, now: Time, *, max_failures: int = MAX_FAILURES) -> Breaker:
    """A breaker without jitter."""
    rule = BreakerRule(max_failures, RECOVERY_S)
    return Breaker(directory, "http://e/v1", "m", rule, now=now, uniform=lambda: 0.5)


class Plain:
    """The same in words: what the design says, without a file or shared memory."""

    def __init__(self) -> None:
        self.failures = 0
        self.openings = 0
        self.open_until: float | None = None
        self.probe_until: float | None = None
        self.probe = ""

    def state(self, now: float) -> str:
        if self.failures < MAX_FAILURES:
            return "closed"
        assert self.open_until is not None
        return "open" if now < self.open_until else "half_open"

    def may_call(self, now: float) -> bool:
        state = self.state(now)
        probing = self.probe_until is not None and now < self.probe_until
        return state == "closed" or (state == "half_open" and not probing)

    def call_begins(self, now: float, name: str) -> None:
        if self.state(now) == "half_open":
            self.probe_until = now + DEADLINE_S + LEASE_GRACE_S
            self.probe = name

    def call_is_cancelled(self, name: str) -> None:
        if name and name == self.probe:
            self.probe_until = None

    def call_answers(self) -> None:
        self.__init__()  # type: ignore[misc]

    def call_fails(self, now: float, *, configuration: bool) -> None:
        was_open = self.state(now) == "open"
        self.failures += 1
        if configuration:
            self.failures = max(self.failures, MAX_FAILURES)
        if self.failures >= MAX_FAILURES and not was_open:
            self.open_until = now + min(MAX_OPEN_S, RECOVERY_S * 2**self.openings)
            self.openings += 1
            self.probe_until = None


class BreakerAgainstModel(RuleBasedStateMachine):
    """Two processes' breakers over one file do what the plain model does."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.now = Time()
        self.ours = [breaker(Path(self.directory.name), self.now) for _ in range(2)]
        self.model = Plain()
        self.calls: list[tuple[int, Admission]] = []

    def teardown(self) -> None:
        for each in self.ours:
            each.close()
        self.directory.cleanup()

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.6, 29.9, 30.1, 60.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.now.seconds += seconds

    @rule(which=st.integers(0, 1))
    def a_call_asks(self, which: int) -> None:
        admission = self.ours[which].admit(DEADLINE_S)
        assert (admission is not None) == self.model.may_call(self.now.seconds)
        if admission:
            self.model.call_begins(self.now.seconds, admission.lease)
            self.calls.append((which, admission))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_answers(self, data: st.DataObject) -> None:
        which, _ = self._one(data)
        before = self.model.state(self.now.seconds)
        transition = self.ours[which].succeeded()
        self.model.call_answers()
        assert (transition is not None) == (before != "closed")

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), configuration=st.booleans())
    def a_call_fails(self, data: st.DataObject, *, configuration: bool) -> None:
        which, _ = self._one(data)
        before = self.model.state(self.now.seconds)
        transition = self.ours[which].failed(Counting.OPENS if configuration else Counting.COUNTED)
        self.model.call_fails(self.now.seconds, configuration=configuration)
        after = self.model.state(self.now.seconds)
        assert (transition is not None) == (before != after)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_is_cancelled(self, data: st.DataObject) -> None:
        which, admission = self._one(data)
        self.ours[which].released(admission)
        self.model.call_is_cancelled(admission.lease)

    @invariant()
    def both_see_the_same(self) -> None:
        for each in self.ours:
            view = each.view()
            assert view.state == self.model.state(self.now.seconds)
            assert view.failure_count == self.model.failures
            assert view.lets_through == self.model.may_call(self.now.seconds)

    def _one(self, data: st.DataObject) -> tuple[int, Admission]:
        return self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))


BreakerAgainstModel.TestCase.settings = settings(
    max_examples=TRACES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBreaker = BreakerAgainstModel.TestCase


def opened(each: Breaker) -> Breaker:
    """The breaker after as many failures as open it."""
    for _ in range(MAX_FAILURES):
        each.failed(Counting.COUNTED)
    return each


def test_one_probe_of_two_hundred_at_half_open(tmp_path: Path) -> None:
    """When it is due, one call goes, however many ask at once."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    now.seconds += RECOVERY_S
    others = [breaker(tmp_path, now) for _ in range(200)]
    with ThreadPoolExecutor(32) as pool:
        admitted = list(pool.map(lambda other: other.admit(DEADLINE_S), others))
    assert sum(admission is not None for admission in admitted) == 1
    for other in (each, *others):
        other.close()


def test_a_probe_that_hangs_or_is_killed_holds_its_lease_no_longer_than_a_second_more(
    tmp_path: Path,
) -> None:
    """After deadline + 1 s the next one may probe, without a word from the first."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    now.seconds += RECOVERY_S
    assert each.admit(DEADLINE_S)
    now.seconds += DEADLINE_S + LEASE_GRACE_S - 0.01
    assert each.admit(DEADLINE_S) is None
    now.seconds += 0.02
    assert each.admit(DEADLINE_S)
    each.close()


def test_a_cancelled_probe_leaves_at_once(tmp_path: Path) -> None:
    """The caller's cancellation is not the server's failure."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    now.seconds += RECOVERY_S
    admission = each.admit(DEADLINE_S)
    assert admission
    each.released(admission)
    assert each.view().failure_count == MAX_FAILURES
    assert each.admit(DEADLINE_S)
    each.close()


def test_openings_double_up_to_the_cap_and_jitter_stays_small(tmp_path: Path) -> None:
    """30, 60, 120, 240, 300, 300 s, each within a fifth."""
    now = Time()
    rule = BreakerRule(1, RECOVERY_S)
    each = Breaker(tmp_path, "http://e/v1", "m", rule, now=now)
    for expected in (30.0, 60.0, 120.0, 240.0, 300.0, 300.0):
        each.failed(Counting.COUNTED)
        wait = each.view().retry_in_s
        assert wait is not None
        # A sum and a difference of floats may be an ulp off, hence the milliseconds.
        assert 0.8 * expected <= wait <= min(1.2 * expected, MAX_OPEN_S) + 0.001
        now.seconds += wait + 0.001
        assert each.admit(DEADLINE_S)
    each.close()


def test_another_boot_or_a_count_that_runs_back_is_due_at_once(tmp_path: Path) -> None:
    """Nothing on disk can hold the breaker open for longer than a probe is away."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    assert each.view().state is BreakerState.OPEN
    now.boot = "boot-2"
    assert each.view().lets_through
    now.boot = "boot-1"
    now.seconds -= 900
    assert each.view().lets_through
    each.close()


def test_the_wall_clock_is_not_asked() -> None:
    """The count is the machine's own since boot, the same for all its processes."""
    mine = since_boot()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        others = pool.apply(since_boot)
    assert mine.boot == others.boot
    assert mine.seconds <= others.seconds <= since_boot().seconds


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\x00" * 512, b'{"failures": "9"}', b"null", b"\xff\xfe"]
)
def test_a_corrupt_file_means_nothing_is_known(tmp_path: Path, content: bytes) -> None:
    """Damage counts as no failures, and is fixed by the next write."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    each.path.write_bytes(content)
    fresh = breaker(tmp_path, now)
    assert fresh.view().failure_count == 0
    opened(fresh)
    assert breaker(tmp_path, now).view().state is BreakerState.OPEN
    each.close()
    fresh.close()


SOUND = {
    "failures": 3,
    "trips": 1,
    "opened_at": 1000.0,
    "open_for_s": 30.0,
    "lease": "",
    "lease_until": 0.0,
    "boot": "boot-1",
}


def written(**changes: object) -> bytes:
    """A record as a stranger may write it."""
    return json.dumps(SOUND | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        written(failures=10**300),
        written(failures=-(10**9)),
        written(failures=True),
        written(failures=3.0),
        written(trips=10**300),
        written(trips=-1),
        written(opened_at=float("nan")),
        written(opened_at=float("inf")),
        written(opened_at=-1e300),
        written(open_for_s=float("nan")),
        written(open_for_s=float("inf")),
        written(open_for_s=None),
        written(lease="x", lease_until=float("inf"), open_for_s=0.0),
        written(lease="x", lease_until=float("nan"), open_for_s=0.0),
        written(boot=["boot-1"]),
        written(opened_at=10**200),
        written().replace(b"3", b"9" * 480, 1),
        b"[" * 512,
        b'{"a":' * 102,
        b"[" * 100_000,
    ],
)
def test_a_hostile_file_neither_raises_nor_opens(tmp_path: Path, content: bytes) -> None:
    """Out of range, of another type, deep or huge: nothing is known, and the rule goes on."""
    now = Time()
    each = breaker(tmp_path, now)
    each.path.parent.mkdir(exist_ok=True)
    each.path.write_bytes(content)
    assert each.view().state is BreakerState.CLOSED
    assert each.view().failure_count == 0
    assert each.admit(DEADLINE_S)
    each.succeeded()
    opened(each)
    assert each.view().state is BreakerState.OPEN
    each.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"opened_at": 1e11},
        {"open_for_s": 1e11},
        {"open_for_s": 0.0, "lease": "x", "lease_until": 1e11},
        {"failures": 10**9, "open_for_s": 300.0},
        {"boot": "x" * 300},
    ],
)
def test_no_file_holds_the_breaker_open_for_longer_than_the_cap(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Times that lie ahead are due now; a sound but invented record ends with the cap."""
    now = Time()
    each = breaker(tmp_path, now)
    each.path.write_bytes(written(**changes))
    now.seconds += MAX_OPEN_S
    assert each.view().lets_through
    assert each.admit(DEADLINE_S)
    each.failed(Counting.COUNTED)
    retry_in_s = each.view().retry_in_s
    assert retry_in_s is None or retry_in_s <= MAX_OPEN_S
    each.close()


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    """The count goes on from nothing."""
    now = Time()
    each = opened(breaker(tmp_path, now))
    each.path.unlink()
    each.failed(Counting.COUNTED)
    assert each.view().failure_count == 1
    assert each.path.stat().st_mode & 0o777 == 0o600
    each.close()


def test_without_a_place_for_the_file_the_count_is_this_process_own(tmp_path: Path) -> None:
    """An unwritable workspace does not stop the breaker from protecting."""
    (tmp_path / "file").write_text("")
    each = opened(breaker(tmp_path / "file" / "below", Time()))
    assert each.view().state is BreakerState.OPEN
    each.succeeded()
    assert each.view().state is BreakerState.CLOSED


def test_on_a_full_disk_the_count_is_this_process_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until there is space again; then it is everybody's."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    each = breaker(tmp_path, Time())
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        each.failed(Counting.COUNTED)
        each.failed(Counting.COUNTED)
        assert each.view().failure_count == 2
    each.failed(Counting.COUNTED)
    assert each.view().failure_count == breaker(tmp_path, Time()).view().failure_count == 3
    each.close()


def test_a_request_at_fault_is_not_counted(tmp_path: Path) -> None:
    """400, 413 and 422 say nothing about the server."""
    each = breaker(tmp_path, Time())
    each.failed(Counting.NOT_COUNTED)
    assert each.view().failure_count == 0
    each.failed(Counting.OPENS)
    assert each.view().state is BreakerState.OPEN
    each.close()
