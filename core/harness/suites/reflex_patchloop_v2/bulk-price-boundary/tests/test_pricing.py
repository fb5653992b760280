from pricing import unit_price


def test_single_unit_has_full_price():
    assert unit_price(500, 1) == 500


def test_nine_units_have_full_price():
    assert unit_price(500, 9) == 500


def test_ten_units_reach_first_tier():
    assert unit_price(500, 10) == 450


def test_ninety_nine_units_stay_in_first_tier():
    assert unit_price(500, 99) == 450


def test_hundred_units_reach_second_tier():
    assert unit_price(500, 100) == 400


def test_zero_units_are_refused():
    try:
        unit_price(500, 0)
    except ValueError:
        return
    raise AssertionError("no ValueError for quantity 0")
