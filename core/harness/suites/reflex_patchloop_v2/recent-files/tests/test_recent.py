from recent import recent_files


def test_nothing_opened():
    assert recent_files([]) == []


def test_one_file_opened_often():
    assert recent_files(["a", "a", "a"]) == ["a"]


def test_newest_first():
    assert recent_files(["a", "c", "b"]) == ["b", "c", "a"]


def test_opening_again_moves_to_the_front():
    assert recent_files(["x", "y", "z", "x"]) == ["x", "z", "y"]


def test_repetitions_that_are_not_neighbours():
    assert recent_files(["m", "n", "m", "n", "k", "m"]) == ["m", "k", "n"]


def test_at_most_ten_different_ones():
    opened = [f"{number:02d}" for number in range(14)] + ["00", "00"]
    assert recent_files(opened) == ["00"] + [f"{number:02d}" for number in range(13, 4, -1)]
