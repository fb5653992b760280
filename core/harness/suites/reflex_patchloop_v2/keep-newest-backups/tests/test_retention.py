from retention import to_delete

NAMES = ["2024-03-02-db", "2024-03-01-db", "2024-03-04-db", "2024-03-03-db"]


def test_keeps_the_newest():
    assert to_delete(NAMES, 1) == ["2024-03-01-db", "2024-03-02-db", "2024-03-03-db"]


def test_keeps_two():
    assert to_delete(NAMES, 2) == ["2024-03-01-db", "2024-03-02-db"]


def test_keep_none_deletes_all_oldest_first():
    assert to_delete(NAMES, 0) == sorted(NAMES)


def test_keep_as_many_as_there_are():
    assert to_delete(NAMES, 4) == []


def test_keep_more_than_there_are():
    assert to_delete(NAMES, 6) == []
    assert to_delete([], 3) == []


def test_input_is_left_alone():
    names = list(NAMES)
    to_delete(names, 0)
    assert names == NAMES
