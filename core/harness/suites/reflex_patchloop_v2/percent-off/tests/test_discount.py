from discount import reduced


def test_no_discount():
    assert reduced(1999, 0) == 1999


def test_a_fifth_off():
    assert reduced(1000, 20) == 800


def test_rounded_down():
    assert reduced(999, 50) == 499


def test_for_nothing():
    assert reduced(1000, 100) == 0
    assert reduced(0, 30) == 0
