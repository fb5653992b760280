from shares import labels, shares


def test_list():
    assert shares([1, 1, 2]) == [0.25, 0.25, 0.5]


def test_generator():
    assert shares(amount for amount in (3, 1)) == [0.75, 0.25]


def test_map_and_iterator():
    assert shares(map(int, ["1", "3"])) == [0.25, 0.75]
    assert shares(iter((5, 5))) == [0.5, 0.5]


def test_zero_sum_of_an_iterator():
    assert shares(iter([0, 0, 0])) == [0.0, 0.0, 0.0]


def test_dict_values_and_empty():
    assert shares({"a": 2, "b": 2}.values()) == [0.5, 0.5]
    assert shares([]) == []


def test_labels():
    assert labels(["rent", "food"], (amount for amount in (60, 40))) == ["rent: 60%", "food: 40%"]
