from battery import bars


def test_empty():
    assert bars(0) == 0


def test_hardly_anything():
    assert bars(1) == 1


def test_just_a_fifth():
    assert bars(20) == 1


def test_more_than_a_fifth():
    assert bars(21) == 2


def test_full():
    assert bars(100) == 5
