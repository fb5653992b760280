from prices import PriceHistory


def history(*pairs):
    prices = PriceHistory()
    for time, price in pairs:
        prices.set(time, price)
    return prices


def is_refused(prices, time):
    try:
        prices.at(time)
    except LookupError:
        return True
    return False


def test_between_changes():
    prices = history((100, 5), (200, 7))
    assert prices.at(150) == 5
    assert prices.at(999) == 7


def test_at_the_moment_of_a_change():
    prices = history((100, 5), (200, 7))
    assert prices.at(100) == 5
    assert prices.at(200) == 7
    assert prices.at(199) == 5


def test_before_the_first_price():
    prices = history((100, 5), (200, 7))
    assert is_refused(prices, 99)
    assert is_refused(prices, -1)


def test_no_price_at_all():
    assert is_refused(PriceHistory(), 0)


def test_set_in_any_order():
    prices = history((300, 9), (100, 5), (200, 7))
    assert prices.changes() == [(100, 5), (200, 7), (300, 9)]
    assert prices.at(250) == 7


def test_second_price_for_a_time_replaces_the_first():
    prices = history((100, 5), (200, 7), (100, 6))
    assert prices.changes() == [(100, 6), (200, 7)]
    assert prices.at(150) == 6
