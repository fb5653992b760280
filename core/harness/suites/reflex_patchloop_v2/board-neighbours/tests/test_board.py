from board import neighbours


def test_in_the_middle():
    assert neighbours(2, 1, 4, 3) == [(1, 1), (3, 1), (2, 0), (2, 2)]


def test_beside_the_left_edge():
    assert neighbours(1, 1, 3, 3) == [(0, 1), (2, 1), (1, 0), (1, 2)]


def test_in_a_corner():
    assert neighbours(0, 0, 3, 3) == [(1, 0), (0, 1)]


def test_at_the_right_edge():
    assert neighbours(2, 0, 3, 1) == [(1, 0)]


def test_one_cell():
    assert neighbours(0, 0, 1, 1) == []
