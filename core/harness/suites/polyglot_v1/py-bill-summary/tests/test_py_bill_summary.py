from bills import per_head, summary


def test_rounded_up():
    assert list(per_head([(100, 3), (90, 3), (1, 2)])) == [34, 30, 1]


def test_nobody_pays_nothing():
    assert list(per_head([(100, 0), (50, 1)])) == [50]


def test_least_and_most():
    assert summary([(100, 3), (500, 2)]) == (34, 250)
    assert summary(each for each in [(10, 1), (30, 1)]) == (10, 30)
    assert summary([]) == (0, 0)
