from limiter import Limiter


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def burst(limiter, tries=20):
    return sum(limiter.allow() for _ in range(tries))


def test_starts_full():
    assert burst(Limiter(5, 1, Time())) == 5


def test_refills_over_time():
    time = Time()
    limiter = Limiter(5, 1, time)
    burst(limiter)
    time.now += 3
    assert burst(limiter) == 3


def test_never_over_capacity():
    time = Time()
    limiter = Limiter(5, 1, time)
    time.now += 3600
    assert burst(limiter) == 5
    time.now += 3600
    assert burst(limiter) == 5


def test_fractions_add_up():
    time = Time()
    limiter = Limiter(4, 1, time)
    burst(limiter)
    allowed = 0
    for _ in range(16):
        time.now += 0.25
        allowed += limiter.allow()
    assert allowed == 4


def test_fast_refill():
    time = Time()
    limiter = Limiter(10, 8, time)
    burst(limiter)
    time.now += 0.5
    assert burst(limiter) == 4


def test_several_permits():
    time = Time()
    limiter = Limiter(5, 1, time)
    assert limiter.allow(4)
    assert not limiter.allow(2)
    assert limiter.allow(1)
    time.now += 2
    assert limiter.allow(2)
    assert not limiter.allow(6)
