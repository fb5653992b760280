from busy import free, merge


def test_apart():
    assert merge([(60, 90), (120, 150)]) == [(60, 90), (120, 150)]


def test_overlap():
    assert merge([(60, 100), (90, 150)]) == [(60, 150)]


def test_inside():
    assert merge([(540, 1020), (600, 660)]) == [(540, 1020)]


def test_touching():
    assert merge([(60, 90), (90, 120), (121, 130)]) == [(60, 120), (121, 130)]


def test_any_order():
    meetings = [(300, 320), (60, 100), (310, 400), (90, 95)]
    assert merge(meetings) == [(60, 100), (300, 400)]


def test_input_is_not_changed():
    meetings = [(300, 320), (60, 100)]
    merge(meetings)
    assert meetings == [(300, 320), (60, 100)]


def test_free_time():
    meetings = [(600, 660), (540, 700), (900, 960)]
    assert free(meetings, 480, 1080) == [(480, 540), (700, 900), (960, 1080)]


def test_free_time_without_meetings():
    assert merge([]) == []
    assert free([], 480, 1080) == [(480, 1080)]
