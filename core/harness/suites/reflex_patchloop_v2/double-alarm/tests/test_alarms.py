from alarms import alarms


def test_two_in_a_row():
    assert alarms([10, 31, 35, 12], 30) == [2]


def test_at_the_beginning():
    assert alarms([33, 34, 10], 30) == [1]


def test_the_first_reading_has_none_before_it():
    assert alarms([40, 10, 40], 30) == []


def test_one_reading():
    assert alarms([40], 30) == []


def test_a_long_heat():
    assert alarms([31, 32, 33, 34], 30) == [1, 2, 3]
