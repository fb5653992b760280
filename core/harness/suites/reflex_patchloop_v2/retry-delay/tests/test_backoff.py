from backoff import delay


def test_first():
    assert delay(1) == 1


def test_second():
    assert delay(2) == 2


def test_doubles():
    assert [delay(attempt) for attempt in (3, 4, 5)] == [4, 8, 16]


def test_a_minute_at_most():
    assert delay(7) == 60
    assert delay(40) == 60
