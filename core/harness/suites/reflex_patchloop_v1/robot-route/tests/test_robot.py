from robot import steps


def test_start_is_goal():
    assert steps(["..", ".."], (1, 1), (1, 1)) == 0


def test_straight_line_in_a_square():
    assert steps(["...", "###", "..."], (0, 0), (0, 2)) == 2


def test_wide_room():
    assert steps(["......"], (0, 0), (0, 5)) == 5
    assert steps([".....", "####.", "....."], (0, 0), (2, 0)) == 10


def test_high_room():
    assert steps([".", ".", ".", "."], (0, 0), (3, 0)) == 3


def test_shortest_of_several_ways():
    plan = [
        "....",
        ".##.",
        ".##.",
        "....",
    ]
    assert steps(plan, (0, 0), (3, 0)) == 3
    assert steps(plan, (0, 0), (0, 3)) == 3


def test_open_square_has_no_detours():
    plan = ["......"] * 6
    for row in range(6):
        for column in range(6):
            assert steps(plan, (0, 0), (row, column)) == row + column


def test_no_way():
    assert steps([".#.", "##.", "..."], (0, 0), (2, 2)) is None


def test_no_wrapping_around_the_edge():
    assert steps([".#.", ".#.", ".#."], (0, 0), (0, 2)) is None
