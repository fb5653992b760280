from session_policy import Policy
from session_table import SessionTable

MINUTE = 60_000


class Clock:
    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


def table(minutes=30, now=0):
    clock = Clock(now)
    return SessionTable(Policy(minutes), clock), clock


def test_unknown_session():
    sessions, _ = table()
    assert sessions.remaining("x") == 0
    assert not sessions.touch("x")


def test_policy_is_in_seconds():
    assert Policy(30).idle_limit() == 1800


def test_fresh_session():
    sessions, _ = table(now=5000)
    sessions.open("a")
    assert sessions.remaining("a") == 1800


def test_session_opened_at_time_zero():
    sessions, clock = table()
    sessions.open("a")
    assert sessions.remaining("a") == 1800
    clock.now = MINUTE
    assert sessions.touch("a")


def test_use_prolongs():
    sessions, clock = table(now=1)
    sessions.open("a")
    for _ in range(5):
        clock.now += 29 * MINUTE
        assert sessions.touch("a")
    assert sessions.remaining("a") == 1800


def test_over_exactly_at_the_end():
    sessions, clock = table(now=7)
    sessions.open("a")
    clock.now += 30 * MINUTE
    assert sessions.remaining("a") == 0
    assert not sessions.touch("a")
    clock.now -= MINUTE
    assert not sessions.touch("a")


def test_one_millisecond_before_the_end():
    sessions, clock = table(now=7)
    sessions.open("a")
    clock.now += 30 * MINUTE - 1
    assert sessions.remaining("a") == 1
    assert sessions.touch("a")


def test_whole_seconds_rounded_up():
    sessions, clock = table(minutes=1, now=100)
    sessions.open("a")
    clock.now += 500
    assert sessions.remaining("a") == 60
    clock.now += 500
    assert sessions.remaining("a") == 59
    clock.now += 58_001
    assert sessions.remaining("a") == 1
    assert isinstance(sessions.remaining("a"), int)


def test_fractions_of_minutes():
    sessions, clock = table(minutes=0.5, now=9)
    sessions.open("a")
    clock.now += 29_000
    assert sessions.remaining("a") == 1
    clock.now += 1000
    assert sessions.remaining("a") == 0
