from windows import moving_sums


def test_pairs():
    assert moving_sums([1, 2, 3, 4], 2) == [3, 5, 7]


def test_all_at_once():
    assert moving_sums([1, 2, 3], 3) == [6]


def test_each_alone():
    assert moving_sums([4, 5], 1) == [4, 5]


def test_too_wide():
    assert moving_sums([1, 2], 3) == []
