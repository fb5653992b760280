from ranks import rank

SCORES = [50, 80, 80, 90]


def test_best():
    assert rank(90, SCORES) == 1


def test_shared():
    assert rank(80, SCORES) == 2


def test_last():
    assert rank(50, SCORES) == 4


def test_a_score_of_nobody():
    assert rank(95, SCORES) == 1
    assert rank(60, SCORES) == 4
