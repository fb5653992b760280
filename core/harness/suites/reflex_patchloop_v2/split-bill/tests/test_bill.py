from bill import split, split_evenly


def test_even_split_without_rest():
    assert split(900, [1, 1, 1]) == [300, 300, 300]


def test_spare_cents_go_to_the_first():
    assert split(10_000, [1, 1, 1]) == [3334, 3333, 3333]
    assert split(101, [1, 1, 1]) == [34, 34, 33]


def test_weights():
    assert split(1000, [1, 3]) == [250, 750]
    assert split(100, [2, 1]) == [67, 33]


def test_zero_weight_pays_nothing():
    assert split(100, [0, 1, 1, 1]) == [0, 34, 33, 33]
    assert split(7, [1, 0]) == [7, 0]


def test_refund_mirrors_the_bill():
    assert split(-10_000, [1, 1, 1]) == [-3334, -3333, -3333]
    assert split(-5, [0, 2, 1]) == [0, -4, -1]


def test_parts_always_add_up():
    for cents in range(-60, 61):
        for weights in ([1, 2, 3], [5, 0, 5, 1], [1] * 7, [3, 7]):
            assert sum(split(cents, weights)) == cents, (cents, weights)


def test_bad_weights_are_refused():
    for weights in ([0, 0], [2, -1]):
        try:
            split(100, weights)
        except ValueError:
            continue
        raise AssertionError(f"accepted {weights}")


def test_even_split_by_name():
    assert split_evenly(200, ["ida", "ole", "mia"]) == {"ida": 67, "ole": 67, "mia": 66}
