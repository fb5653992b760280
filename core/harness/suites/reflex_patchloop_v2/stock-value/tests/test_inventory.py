from inventory import value


def test_nothing_in_stock():
    assert value([]) == 0


def test_two_for_two():
    assert value([(2, 2)]) == 4


def test_several_of_one():
    assert value([(3, 10)]) == 30


def test_several_items():
    assert value([(3, 10), (1, 250), (0, 99)]) == 280
